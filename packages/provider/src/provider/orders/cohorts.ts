import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import type { Logger } from '@ogong/host/log/logger';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_COHORT_AGREEMENT_BYTES } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import {
  type CohortAgreement,
  encodeCohortAgreement,
  parseCohortAgreement,
  readCohort,
} from '@ogong/protocol/settlement/cohort-agreement';

/** The cohorts that a provider leads, each of one model. */
export interface Cohorts {
  /** Returns the signed agreement that is delivered beside a reply to this order; empty if the provider is to have the fee alone. */
  wordFor(order: Pick<NamedOrder, 'modelRoot' | 'expiresAtMs'>): Uint8Array;
  /** Whether the cohort of an order's model has agreed for a shorter time: served all the same, its leader would have the fee alone. */
  isOver(order: Pick<NamedOrder, 'modelRoot' | 'expiresAtMs'>): boolean;
}

const NONE = new Uint8Array();

/** Opens the agreements. An expired one is logged, and its model is not served; others go on. @throws ConfigError if one would be refused with every reply. */
export function openCohorts(
  command: string,
  words: readonly CohortAgreement[],
  {
    crypto,
    ledger,
    log,
    ...own
  }: {
    readonly log: Pick<Logger, 'warn'>;
    readonly crypto: Crypto;
    readonly ledger: LedgerDomain;
    readonly providerId: Uint8Array;
    readonly payee: Uint8Array;
    readonly nowMs: number;
  },
): Cohorts {
  const encoded = words.map((word) => {
    const { modelRoot } = word.terms;
    // Whether it has ended is asked of each order.
    const order = { providerId: own.providerId, modelRoot, expiresAtMs: 0n };
    const bytes = encodeCohortAgreement(word);
    const found = readCohort(crypto, { ledger, order, payee: own.payee }, bytes);
    if ('problem' in found) throw new ConfigError(command, [`--cohort of ${toHex(modelRoot)}: ${found.problem}`]);
    return { ...word.terms, bytes };
  });
  const told = new Set<string>();
  const warn = (modelRoot: Uint8Array): void => {
    if (told.has(toHex(modelRoot))) return;
    told.add(toHex(modelRoot));
    log.warn(
      { modelRoot: toHex(modelRoot) },
      'the agreement of a cohort has expired: orders of its model are refused until --cohort names a new one',
    );
  };
  const findValid = ({ modelRoot, expiresAtMs }: Pick<NamedOrder, 'modelRoot' | 'expiresAtMs'>) =>
    encoded.find((one) => equalBytes(one.modelRoot, modelRoot) && BigInt(one.validUntilMs) >= expiresAtMs);
  const isOver: Cohorts['isOver'] = (order) =>
    findValid(order) === undefined && encoded.some(({ modelRoot }) => equalBytes(modelRoot, order.modelRoot));
  for (const { modelRoot } of encoded) if (isOver({ modelRoot, expiresAtMs: BigInt(own.nowMs) })) warn(modelRoot);
  return {
    wordFor: (order) => findValid(order)?.bytes ?? NONE,
    isOver(order) {
      const over = isOver(order);
      if (over) warn(order.modelRoot);
      return over;
    },
  };
}

/** @throws ConfigError if the file cannot be read, or holds something else. */
export function readCohortFile(command: string, path: string): CohortAgreement {
  try {
    const { size } = statSync(path);
    if (size > MAX_COHORT_AGREEMENT_BYTES) throw new ProtocolError('too-large', `it has ${size} bytes`);
    return parseCohortAgreement(new Uint8Array(readFileSync(path)));
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [
      `${path} holds no cohort: ${(error as Error).message}; ogong-provider cohort writes such files`,
    ]);
  }
}
