/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

#include "ipc-poller.h"

typedef struct _IpcGroupDir IpcGroupDir;

/* Which file that was: names are put in place again. All zero: none. */
typedef struct {
  dev_t device;
  ino_t inode;
} IpcFileId;

static inline gboolean
ipc_file_id_equal (const IpcFileId *a, const IpcFileId *b)
{
  return a->inode == b->inode && a->device == b->device;
}

/* What a change of the directory may mean; look again yourself. */
typedef enum {
  IPC_GROUP_DIR_SOCKET = 1 << 0, /* another socket has been put in place, or it has gone */
  IPC_GROUP_DIR_FILE = 1 << 1,   /* the group file, or the directory itself, has gone or been replaced */
  IPC_GROUP_DIR_ALARM = 1 << 2,  /* somebody says that the master does not answer */
} IpcGroupDirChanges;

typedef void (*IpcGroupDirFunc) (IpcGroupDirChanges changes, gpointer user_data);

#define IPC_GROUP_NAME_MAX 64

gboolean ipc_group_name_check (const char *name, GError **error);

IpcGroupDir *ipc_group_dir_open (const char *runtime_dir, const char *group, gboolean allow_other_users,
                                 GError **error);
void ipc_group_dir_free (IpcGroupDir *self);

void ipc_group_dir_watch (IpcGroupDir *self, IpcPoller *poller, IpcGroupDirFunc func, gpointer user_data);
gboolean ipc_group_dir_try_watch (IpcGroupDir *self);
void ipc_group_dir_take_events (IpcGroupDir *self);
void ipc_group_dir_set_paused (IpcGroupDir *self, gboolean paused);
gboolean ipc_group_dir_is_current (IpcGroupDir *self);
gboolean ipc_group_dir_reopen (IpcGroupDir *self, GError **error);

int ipc_group_dir_get_fd (IpcGroupDir *self);
const char *ipc_group_dir_get_path (IpcGroupDir *self);
gboolean ipc_group_dir_stat (IpcGroupDir *self, const char *name, struct stat *st);
gboolean ipc_group_dir_identify (IpcGroupDir *self, const char *name, IpcFileId *id);
gboolean ipc_group_dir_share (IpcGroupDir *self, const char *name);
void ipc_group_dir_sweep (IpcGroupDir *self);
void ipc_group_dir_raise_alarm (IpcGroupDir *self, const char *node_id);
char *ipc_group_dir_reach (IpcGroupDir *self, const char *name);
void ipc_group_dir_set_error (IpcGroupDir *self, const char *name, const char *what, int saved_errno, GError **error);
