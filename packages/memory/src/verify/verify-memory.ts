import type { Check } from '@ogong/protocol/base/checks';
import { check, isOk, listSkipped, skip } from '@ogong/protocol/base/checks';
import type { EmbeddedMemory, Memory, StoredEvidence } from '../memory.ts';
import { type CallTrust, checkCall } from './check-call.ts';
import { checkExtraction } from './check-extraction.ts';
import { checkUpdate } from './check-update.ts';
import { checkVector } from './check-vector.ts';

/** The calls that made a memory; undefined where they were erased. */
export interface MemoryCalls {
  readonly extraction: StoredEvidence | undefined;
  readonly embedding: StoredEvidence | undefined;
  readonly update: StoredEvidence | undefined;
}

export interface MemoryVerifyOptions extends CallTrust {
  readonly calls: MemoryCalls;
  /** The whole message of the quote, if the caller has it. */
  readonly message?: string;
}

export interface MemoryVerdict {
  /** No check failed, and `allow` names each skipped one. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Ids of skipped checks that nobody allowed. */
  readonly missing: readonly string[];
}

/**
 * Verifies a memory without the network and without a model (docs/spec/memory.md#verify). It never throws on damaged evidence: a part that
 * cannot be read is a failed check.
 */
export async function verifyMemory(embedded: EmbeddedMemory, options: MemoryVerifyOptions): Promise<MemoryVerdict> {
  const { memory } = embedded;
  const checks =
    memory.quote === undefined || memory.evidence === undefined
      ? [skip('person', 'a person wrote this memory, so it has no quote and no receipts')]
      : await checkParts(embedded, options);
  const { missing } = listSkipped(checks, options.allow ?? []);
  return { ok: isOk(checks) && missing.length === 0, checks, missing };
}

async function checkParts(embedded: EmbeddedMemory, options: MemoryVerifyOptions): Promise<readonly Check[]> {
  const { memory } = embedded;
  const { extraction, embedding, update } = options.calls;
  const named = memory.evidence as NonNullable<Memory['evidence']>;
  const base = { ...options, memory };
  const asked = await checkCall('extraction', named.extraction, { ...options, call: extraction });
  const placed = await checkCall('vector', named.embedding, { ...options, call: embedding });
  const decided =
    named.update === undefined ? undefined : await checkCall('update', named.update, { ...options, call: update });
  return [
    ...asked.checks,
    ...checkExtraction({ ...base, call: asked.call }),
    ...placed.checks,
    checkVector(embedded, placed.call),
    ...(decided?.checks ?? []),
    decided === undefined ? checkNoUpdate(memory) : checkUpdate(memory, decided.call),
  ];
}

/** Only a model lets a memory replace another one. */
const checkNoUpdate = ({ supersedes }: Memory): Check =>
  check('update', supersedes === undefined, [
    'no model was asked, and the memory replaces none',
    'the memory replaces another one, and names no call that said so',
  ]);
