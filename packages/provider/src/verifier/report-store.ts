import { bytes, columns, integer } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';

/** State that a verifier must not lose: the reports that it is bound to, and the round over which it has opened each. */
export const VERIFIER_SCHEMA = `
   CREATE TABLE report (
     validator BLOB NOT NULL,
     job_id BLOB NOT NULL,
     job_hash BLOB NOT NULL,
     report BLOB NOT NULL,
     salt BLOB NOT NULL,
     digest BLOB NOT NULL,
     signature BLOB NOT NULL,
     round BLOB,
     word BLOB,
     created_at_ms INTEGER NOT NULL,
     PRIMARY KEY (validator, job_id, job_hash)
   ) STRICT;
   CREATE INDEX report_by_age ON report (created_at_ms);`;

export interface KeptReport {
  /** Hash of the job as it was asked. */
  readonly jobHash: Uint8Array;
  readonly report: Uint8Array;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
  /** Over the commitment. */
  readonly signature: Uint8Array;
}

const keptReport = columns({ jobHash: bytes, report: bytes, salt: bytes, digest: bytes, signature: bytes });
const reportRow = columns({ validator: bytes, jobId: bytes, kept: keptReport, createdAtMs: integer });

const boundRow = columns({ round: bytes, word: bytes });
const splitDigests = (round: Uint8Array): Uint8Array[] =>
  Array.from({ length: round.length / 32 }, (_, i) => round.slice(32 * i, 32 * (i + 1)));

export interface JobKey {
  /** Address of the validator whose job it is, or peer id of one that calibrates: nobody else sees the report. */
  readonly validator: Uint8Array;
  readonly jobId: Uint8Array;
}

export interface BoundRound {
  readonly round: readonly Uint8Array[];
  /** Signature of the validator that had it opened; empty for a peer that calibrates. */
  readonly word: Uint8Array;
}

export interface KeepTerms {
  readonly nowMs: number;
  readonly forgetBeforeMs: number;
  /** How many earlier reports for the same peer are kept. Default: all. */
  readonly keepLast?: number | undefined;
}

export interface Reports {
  /** The report on these inputs: witnesses ask in the validator's name, so somebody else may have sent other ones under its id. */
  get(key: JobKey, jobHash: Uint8Array): KeptReport | undefined;
  /** All reports under an id. */
  list(key: JobKey): KeptReport[];
  /** @returns the report under the key, durable: the first report stands. */
  put(key: JobKey, report: KeptReport, terms: KeepTerms): Promise<KeptReport>;
  /**
   * Binds a report to the one round that it is opened over. If it could be opened twice, a validator could show it to another
   * verifier in between. It could then pretend that both had committed at the same time.
   * @returns false if it is bound to another round.
   */
  bindRound(key: JobKey, jobHash: Uint8Array, bound: BoundRound): Promise<boolean>;
  /** The round that a report is bound to. */
  findRound(key: JobKey, jobHash: Uint8Array): BoundRound | undefined;
  /** Drops reports from before a time; they are gone from the disk. */
  sweep(beforeMs: number): Promise<void>;
}

export function createReports(store: Store, commits: GroupCommit): Reports {
  const list = (db: Store, { validator, jobId }: JobKey): KeptReport[] => {
    const sql = `SELECT ${keptReport.list} FROM report WHERE validator = ? AND job_id = ?`;
    return keptReport.all(db.prepare(sql), validator, jobId);
  };
  const find = (db: Store, key: JobKey, jobHash: Uint8Array): KeptReport | undefined =>
    list(db, key).find((kept) => equalBytes(kept.jobHash, jobHash));
  return {
    get: (key, jobHash) => store.read((db) => find(db, key, jobHash)),
    list: (key) => store.read((db) => list(db, key)),
    put: (key, report, { nowMs, forgetBeforeMs, keepLast }) =>
      commits.write((db) => {
        db.prepare('DELETE FROM report WHERE created_at_ms < ?').run(forgetBeforeMs);
        if (keepLast !== undefined) {
          db.prepare(
            `DELETE FROM report WHERE validator = ?1 AND job_id NOT IN
             (SELECT job_id FROM report WHERE validator = ?1 ORDER BY created_at_ms DESC LIMIT ?2)`,
          ).run(key.validator, keepLast);
        }
        reportRow.insert(db, 'INSERT OR IGNORE INTO report', { ...key, kept: report, createdAtMs: nowMs });
        return find(db, key, report.jobHash) as KeptReport;
      }),
    findRound: ({ validator, jobId }, jobHash) =>
      store.read((db) => {
        const sql = `SELECT ${boundRow.list} FROM report WHERE validator = ? AND job_id = ? AND job_hash = ? AND round IS NOT NULL`;
        const found = boundRow.get(db.prepare(sql), validator, jobId, jobHash);
        return found && { word: found.word, round: splitDigests(found.round) };
      }),
    bindRound: ({ validator, jobId }, jobHash, { round, word }) =>
      commits.write((db) => {
        const digests = concatBytes(...round);
        const where = 'validator = ? AND job_id = ? AND job_hash = ?';
        const sql = `UPDATE report SET round = ?, word = ? WHERE ${where} AND round IS NULL`;
        db.prepare(sql).run(digests, word, validator, jobId, jobHash);
        const bound = db.prepare(`SELECT 1 FROM report WHERE ${where} AND round = ?`);
        return bound.get(validator, jobId, jobHash, digests) !== undefined;
      }),
    async sweep(beforeMs) {
      await commits.write((db) => db.prepare('DELETE FROM report WHERE created_at_ms < ?').run(beforeMs));
      store.eraseDeleted();
    },
  };
}
