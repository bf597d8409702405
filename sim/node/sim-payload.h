/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What every message and every response needs for its fields. */
#define SIM_PAYLOAD_SIZE_MIN 32

/* What a handler is to do with a message. */
typedef enum {
  SIM_DEED_ANSWER,
  SIM_DEED_ABORT, /* end its process, without an answer */
  SIM_DEED_STOP,  /* stop its process in the middle, if it is the first that is given the message */
} SimDeed;

typedef struct {
  guint32 sender;
  SimDeed deed;
  guint64 number;
} SimMessage;

/* What a handler says of the handling that made an answer. */
typedef struct {
  guint32 handler;
  guint32 sender;
  guint64 number;
  guint64 epoch;
} SimAnswer;

#define SIM_ERROR (sim_error_quark ())
GQuark sim_error_quark (void);

GBytes *sim_payload_new_message (const SimMessage *message, gsize size_max);
gboolean sim_payload_read_message (const guint8 *data, gsize size, gsize size_max, SimMessage *message);

GBytes *sim_payload_new_response (const SimAnswer *answer, gsize size_max);
gboolean sim_payload_read_response (GBytes *response, gsize size_max, SimAnswer *answer);

GError *sim_payload_new_failure (const SimAnswer *answer);
gboolean sim_payload_read_failure (const GError *error, SimAnswer *answer);
