import { createHash, randomBytes } from 'node:crypto';
import type { SpendingOrganisation } from './reservation.ts';

export interface KeyHolder {
  readonly id: string;
  readonly budgetAtomic: bigint | undefined;
  /** Which models it may ask for: ids, or beginnings of them that end in `*`; undefined for all. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits;
  /** Whom it belongs to, with a budget for all of its keys; undefined for nobody. */
  readonly organisation?: SpendingOrganisation | undefined;
}

/** The holder of orders and budgets if the gateway has no keys. */
export const ANONYMOUS: KeyHolder = { id: 'anonymous', budgetAtomic: undefined };

/** How much a key may ask for in a minute; undefined for as much as there is. */
export interface KeyLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Of prompts and answers. */
  readonly tokensPerMinute?: number | undefined;
}

export interface ApiKeys {
  /** Whether no key was ever made; then the gateway is open to anybody who can reach it. Revoking the last one does not open it again. */
  isEmpty(): Promise<boolean>;
  /** The holder of a secret, unless it is unknown, revoked or expired. */
  find(secret: string): Promise<KeyHolder | undefined>;
  /** The same holder as it is now, unless its key has ended since. */
  renew(id: string): Promise<KeyHolder | undefined>;
}

/** Whether a key may ask for a model. */
export const isModelAllowed = ({ models }: Pick<KeyHolder, 'models'>, model: string): boolean =>
  models === undefined ||
  models.some((pattern) => (pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern));

/** @param prefix says what it is, to whoever finds it in a file. */
export const createSecret = (prefix: 'ogong' | 'ogong-admin'): string =>
  `${prefix}-${randomBytes(32).toString('base64url')}`;

export const createKeyId = (): string => randomBytes(4).toString('hex');

/** Secrets carry 256 random bits, so a plain hash cannot be searched; a salt would only cost time. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
