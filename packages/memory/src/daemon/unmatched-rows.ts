import { change, type Work } from '@ogong/host/store/work';

const STATEMENTS = [
  `DELETE FROM memory_users
    WHERE NOT EXISTS (SELECT 1 FROM memory_user_keys k WHERE k.user_id = memory_users.user_id)`,
  `DELETE FROM memory_user_keys
    WHERE NOT EXISTS (SELECT 1 FROM memory_users u WHERE u.user_id = memory_user_keys.user_id)`,
  `DELETE FROM memory_rows WHERE NOT EXISTS (SELECT 1 FROM memory_row_keys k
    WHERE k.user_id = memory_rows.user_id AND k.kind = memory_rows.kind AND k.id = memory_rows.id)`,
  `DELETE FROM memory_row_keys WHERE NOT EXISTS (SELECT 1 FROM memory_rows r
    WHERE r.user_id = memory_row_keys.user_id AND r.kind = memory_row_keys.kind AND r.id = memory_row_keys.id)`,
  `DELETE FROM memory_entries WHERE NOT EXISTS (SELECT 1 FROM memory_rows r
    WHERE r.user_id = memory_entries.user_id AND r.kind = 'memory' AND r.id = memory_entries.id)`,
  `UPDATE memory_users SET
    memories = (SELECT COUNT(*) FROM memory_entries e WHERE e.user_id = memory_users.user_id),
    notes = (SELECT COUNT(*) FROM memory_rows r WHERE r.user_id = memory_users.user_id AND kind = 'note'),
    evidence_bytes = (SELECT COALESCE(SUM(length(content)), 0) FROM memory_rows r
      WHERE r.user_id = memory_users.user_id AND kind = 'evidence')`,
];

/** Removes users, memories and calls of a restored store that rows alone or keys alone know: both copies are of different times. */
export function* dropUnmatched(): Work<void> {
  for (const sql of STATEMENTS) yield* change(sql);
}
