import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_COHORT_WORD_BYTES } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { type CohortWord, encodeCohortWord, parseCohortWord, readCohort } from '@ogong/protocol/settlement/cohort-word';

/** The cohorts that a provider leads, each of one model. */
export interface Cohorts {
  /** The word that is handed in beside a reply to this order; empty where the provider is to have the fee alone. */
  wordFor(order: Pick<NamedOrder, 'modelRoot' | 'expiresAtMs'>): Uint8Array;
}

const NONE = new Uint8Array();

/** @throws ConfigError where a word would be refused with every reply. */
export function openCohorts(
  command: string,
  words: readonly CohortWord[],
  {
    crypto,
    ledger,
    ...own
  }: {
    readonly crypto: Crypto;
    readonly ledger: LedgerDomain;
    readonly providerId: Uint8Array;
    readonly payee: Uint8Array;
    readonly nowMs: number;
  },
): Cohorts {
  const encoded = words.map((word) => {
    const { modelRoot } = word.terms;
    const order = { providerId: own.providerId, modelRoot, expiresAtMs: BigInt(own.nowMs) };
    const bytes = encodeCohortWord(word);
    const found = readCohort(crypto, { ledger, order, payee: own.payee }, bytes);
    if ('problem' in found) throw new ConfigError(command, [`--cohort of ${toHex(modelRoot)}: ${found.problem}`]);
    return { ...word.terms, bytes };
  });
  return {
    wordFor: ({ modelRoot, expiresAtMs }) =>
      encoded.find((one) => equalBytes(one.modelRoot, modelRoot) && BigInt(one.validUntilMs) >= expiresAtMs)?.bytes ??
      NONE,
  };
}

/** @throws ConfigError where the file cannot be read, or holds something else. */
export function readCohortFile(command: string, path: string): CohortWord {
  try {
    const { size } = statSync(path);
    if (size > MAX_COHORT_WORD_BYTES) throw new ProtocolError('too-large', `it has ${size} bytes`);
    return parseCohortWord(new Uint8Array(readFileSync(path)));
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [
      `${path} holds no cohort: ${(error as Error).message}; ogong-provider cohort writes such files`,
    ]);
  }
}
