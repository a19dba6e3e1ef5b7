import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readReply } from '@ogong/hub/evaluation/check-evaluation';
import { cutLines } from '@ogong/hub/evaluation/cut-lines';
import {
  type CountedRow,
  type EvaluationHeader,
  encodeEvaluationHeader,
  encodeEvaluationLine,
  type LostRow,
  parseEvaluationLine,
} from '@ogong/hub/evaluation/evaluation-lines';
import type { EvaluationFigures } from '@ogong/hub/evaluation/figures';
import { equalBytes } from '@ogong/protocol/base/bytes';

/** A row of an earlier call. */
export interface KeptRow extends Pick<CountedRow, 'id' | 'score'> {
  /** Hex. */
  readonly modelRoot: string;
}

/** An evaluation on its way: its file has the ending `.part` until all rows are there. */
export interface EvaluationPart {
  /** Rows of an earlier call, in their order. Their receipts were checked then. */
  readonly kept: readonly KeptRow[];
  append(row: CountedRow): Promise<void>;
  /** Adds the lost rows and the figures, and gives the file its name. @returns its SHA-256, hex. */
  finish(end: { readonly lost: readonly LostRow[]; readonly figures: EvaluationFigures }): Promise<string>;
  close(): Promise<void>;
}

export interface PartPlace {
  /** Owner of the flags, for errors. */
  readonly program: string;
  readonly path: string;
  /** Whether to continue an earlier call. */
  readonly resume: boolean;
}

/** Opens the file of an evaluation. @throws ConfigError if it exists, or if the part is of another evaluation. */
export async function openEvaluationPart(header: EvaluationHeader, place: PartPlace): Promise<EvaluationPart> {
  const { program, path, resume } = place;
  const refuse = (problem: string): never => {
    throw new ConfigError(program, [problem]);
  };
  if (existsSync(path)) refuse(`--out ${path} exists already; it is final`);
  const partPath = `${path}.part`;
  const isBegun = existsSync(partPath);
  if (isBegun && !resume) refuse(`${partPath} is there from an earlier call: continue it with --resume, or delete it`);
  const first = encodeEvaluationHeader(header);
  // It holds questions and answers.
  const file = await open(partPath, isBegun ? 'r+' : 'wx', 0o600);
  try {
    const { rows: kept, bytes } = isBegun ? await readRows(partPath, first) : { rows: [], bytes: 0 };
    if (bytes === undefined) return refuse(`${partPath} is of another set, model or parameters`);
    await file.truncate(bytes);
    return createPart(file, { kept, path, bytes, first });
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface BegunPart {
  readonly kept: EvaluationPart['kept'];
  readonly path: string;
  readonly bytes: number;
  readonly first: Uint8Array;
}

async function createPart(file: FileHandle, { kept, path, bytes, first }: BegunPart): Promise<EvaluationPart> {
  let end = bytes;
  /** Rows arrive side by side, and lines follow each other. */
  let last: Promise<void> = Promise.resolve();
  const write = (line: Uint8Array): Promise<void> => {
    const at = end;
    end += line.length;
    last = last.then(async () => void (await file.write(line, 0, line.length, at)));
    return last;
  };
  if (bytes === 0) await write(first);
  return {
    kept,
    append: (row) => write(encodeEvaluationLine(row)),
    async finish({ lost, figures }) {
      for (const row of lost) await write(encodeEvaluationLine(row));
      await write(encodeEvaluationLine({ kind: 'figures', figures }));
      await file.sync();
      await rename(`${path}.part`, path);
      return hashFile(path);
    },
    close: () => file.close(),
  };
}

/** Reads whole rows up to the end, or to the first lost one: a call that was killed at its end may have left that. */
async function readRows(path: string, first: Uint8Array): Promise<{ rows: KeptRow[]; bytes: number | undefined }> {
  const rows: KeptRow[] = [];
  let bytes = 0;
  for await (const line of readEvaluationLines(path)) {
    if (bytes === 0) {
      if (!equalBytes(line, first.subarray(0, -1))) return { rows, bytes: undefined };
    } else {
      const row = parseEvaluationLine(line);
      if (row.kind !== 'counted') break;
      const { modelRoot = '' } = readReply(crypto, row) ?? {};
      rows.push({ id: row.id, score: row.score, modelRoot });
    }
    bytes += line.length + 1;
  }
  return { rows, bytes };
}

/** Returns the lines of an evaluation's file. @throws ProtocolError, or the system's error. */
export const readEvaluationLines = (path: string): AsyncGenerator<Uint8Array> => cutLines(createReadStream(path));

/** SHA-256 of a file, hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}
