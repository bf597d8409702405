/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-error-private.h"

/*
 * The error domain, and GErrors that come from other processes: domain, code and text arrive as they were, so that
 * g_error_matches() works at the sender as it does at the handler.
 */

/* A quark is never freed. Programs use a few dozen domains; a peer that invents them without end gets no memory for
 * that. */
#define FOREIGN_DOMAINS_MAX 1024

/**
 * ipc_error_quark:
 *
 * The error domain. Any thread.
 *
 * Returns: the quark of `ipc-error-quark`
 */
G_DEFINE_QUARK (ipc-error-quark, ipc_error)

/**
 * ipc_error_new_from_failure:
 * @failure: what came with a FAILURE frame
 *
 * Returns: (transfer full): the error that the handler set
 */
GError *
ipc_error_new_from_failure (const IpcFailure *failure)
{
  static gint n_foreign;
  g_autofree char *domain = g_strndup (failure->domain, failure->domain_len);
  g_autofree char *text = g_strndup (failure->text, failure->text_len);
  GQuark quark = g_quark_try_string (domain);

  if (quark == 0 && g_atomic_int_add (&n_foreign, 1) < FOREIGN_DOMAINS_MAX)
    quark = g_quark_from_string (domain);
  if (quark == 0)
    return g_error_new (IPC_ERROR, IPC_ERROR_FAILED, "%s (%s %d)", text, domain, failure->code);

  return g_error_new_literal (quark, failure->code, text);
}
