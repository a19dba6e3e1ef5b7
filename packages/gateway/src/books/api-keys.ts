import { createHash, randomBytes } from 'node:crypto';
import type { SpendingOrganisation } from './reservation.ts';

export interface KeyHolder {
  readonly id: string;
  readonly budgetAtomic: bigint | undefined;
  /** The most that its orders of one day in UTC may cost; undefined: no limit. */
  readonly dayBudgetAtomic?: bigint | undefined;
  /** Models that it may ask for: ids, or beginnings of ids that end in `*`; undefined for all. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits;
  /** The organisation of the key, with a budget for all of its keys; undefined without one. */
  readonly organisation?: SpendingOrganisation | undefined;
}

/** The holder of orders and budgets if the gateway has no keys. */
export const ANONYMOUS: KeyHolder = { id: 'anonymous', budgetAtomic: undefined };

/** Limits of a key in a minute; undefined fields have no limit. */
export interface KeyLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Tokens of prompts and answers. */
  readonly tokensPerMinute?: number | undefined;
}

export interface ApiKeys {
  /**
   * Whether no key was ever made. The gateway is then open to any caller that reaches it. Revoking the last key does not open it
   * again.
   */
  isEmpty(): Promise<boolean>;
  /** Finds the holder of a secret, unless it is unknown, revoked or expired. */
  find(secret: string): Promise<KeyHolder | undefined>;
  /** Reads the holder again; undefined if its key has ended since. */
  renew(id: string): Promise<KeyHolder | undefined>;
}

/** Whether a key may ask for a model. */
export const isModelAllowed = ({ models }: Pick<KeyHolder, 'models'>, model: string): boolean =>
  models === undefined ||
  models.some((pattern) => (pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern));

/** Begins each secret. */
export const KEY_PREFIX = 'ogong-';

/** @param prefix a prefix that names its kind, for a person that finds it in a file. */
export const createSecret = (prefix: 'ogong' | 'ogong-admin'): string =>
  `${prefix}-${randomBytes(32).toString('base64url')}`;

export const createKeyId = (): string => randomBytes(4).toString('hex');

/** Secrets carry 256 random bits, so a plain hash cannot be searched; a salt would only cost time. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
