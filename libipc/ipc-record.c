/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-record.h"

#include <string.h>

/*
 * What a book says of one message, as anybody reads it: the owner in his own book, and his successor in what he has
 * sealed, where a process that went wrong may have scribbled. So nothing is trusted but the word of the entry, and an
 * answer only as far as its checksum holds. Pure.
 */

/* Finds damage, not malice: a rotation and an addition for each word keep every change of one of them, and the factor
 * (odd and irregular) spreads it. */
guint32
ipc_record_checksum (const guint8 *data, gsize size)
{
  guint64 sum = size, word;

  for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
    memcpy (&word, data, sizeof word);
    sum = (sum << 23 | sum >> 41) + word;
  }
  word = 0;
  if (size > 0)
    memcpy (&word, data, size);
  sum = (sum << 23 | sum >> 41) + word;
  sum ^= sum >> 32;
  sum *= G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (guint32) (sum >> 32);
}

guint64
ipc_record_get_deliveries (guint64 word)
{
  return word >> IPC_ENTRY_DELIVERIES_SHIFT & IPC_RECORD_COUNT_MAX;
}

guint64
ipc_record_get_deaths (guint64 word)
{
  return word >> IPC_ENTRY_DEATHS_SHIFT & IPC_RECORD_COUNT_MAX;
}

/* An empty answer has none. */
static guint32
checksum_of_answer (const guint8 *data, gsize size)
{
  return size > 0 ? ipc_record_checksum (data, size) : 0;
}

static void
read_answer (const guint8 *memory, const IpcBookEntry *entry, guint64 word, IpcRecord *record)
{
  guint64 place = entry->place;
  gsize at = IPC_BOOK_ANSWERS_AT + (gsize) (place >> 32) * IPC_BOOK_ANSWER_UNIT;

  record->failure = (word & IPC_ENTRY_FAILURE) != 0;
  record->epoch = entry->epoch;
  record->size = place & G_MAXUINT32;
  record->lost = (word & IPC_ENTRY_LOST) != 0 || at > IPC_BOOK_SIZE || record->size > IPC_BOOK_SIZE - at
                 || checksum_of_answer (memory + at, record->size) != word >> IPC_ENTRY_CHECKSUM_SHIFT;
  if (!record->lost)
    record->data = memory + at;
}

/**
 * ipc_record_read:
 * @memory: of any book
 * @entry: in it
 * @word: the entry's, as it was read or sealed
 * @record: (out): what they say
 *
 * Trusts nothing of what it reads: an answer that is not as it was written is lost.
 */
void
ipc_record_read (const guint8 *memory, const IpcBookEntry *entry, guint64 word, IpcRecord *record)
{
  *record = (IpcRecord) {
    .state = IPC_RECORD_NONE,
    .deliveries = ipc_record_get_deliveries (word),
    .deaths = ipc_record_get_deaths (word),
    .in_handler = (word & IPC_ENTRY_IN_HANDLER) != 0,
  };

  if (word & IPC_ENTRY_ANSWERED) {
    record->state = IPC_RECORD_ANSWERED;
    read_answer (memory, entry, word, record);
  } else if (word & IPC_ENTRY_ACCEPTED) {
    record->state = IPC_RECORD_ACCEPTED;
  } else if (word & IPC_ENTRY_BEGUN) {
    record->state = IPC_RECORD_BEGUN;
  }
}
