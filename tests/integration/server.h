/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* A master in a thread of its own, with its own main context. */
typedef struct _Server Server;

Server *server_start (Fixture *fixture, IpcHandler handler, gpointer user_data);
void server_stop (Server *self);
