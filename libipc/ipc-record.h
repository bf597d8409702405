/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "ipc-book-format.h"

#define IPC_RECORD_COUNT_MAX 255 /* deliveries and deaths have a byte each, and stay there */

typedef enum {
  IPC_RECORD_NONE,     /* never accepted */
  IPC_RECORD_BEGUN,    /* accepted by an earlier master, and not answered */
  IPC_RECORD_ACCEPTED, /* accepted by the owner, and not answered */
  IPC_RECORD_ANSWERED,
} IpcRecordState;

/* What a book says of one message. */
typedef struct {
  IpcRecordState state;
  guint deliveries; /* how often it was handed to a handler */
  guint deaths;     /* how many masters died while its handler ran */
  gboolean in_handler;
  gboolean failure;
  gboolean lost; /* it was answered, and the answer was not kept */
  guint64 epoch; /* in which it was answered */
  const guint8 *data;
  gsize size;
} IpcRecord;

void ipc_record_read (const guint8 *memory, const IpcBookEntry *entry, guint64 word, IpcRecord *record);
guint64 ipc_record_get_deliveries (guint64 word);
guint64 ipc_record_get_deaths (guint64 word);
guint32 ipc_record_checksum (const guint8 *data, gsize size);
