import type { ApiKey, KeyTerms } from '@ogong/gateway/books/account-rows';
import { type Accounts, openAccounts } from '@ogong/gateway/books/accounts';

type TestTerms = Partial<KeyTerms> & { readonly path: string; readonly nowMs?: number };

/** Adds a key to a file of accounts, as another process would. */
export async function addTestKey({ path, nowMs = 0, ...terms }: TestTerms): Promise<{
  readonly key: ApiKey;
  readonly secret: string;
}> {
  const accounts = openAccounts(path, () => nowMs);
  try {
    return await accounts.as('test').addKey({ organisation: '', name: 'test', ...terms });
  } finally {
    await accounts.close();
  }
}

/** Revokes a key of a file of accounts, as another process would. */
export async function revokeTestKey(path: string, id: string): Promise<void> {
  const accounts = openAccounts(path, () => 0);
  try {
    await accounts.as('test').revokeKey(id);
  } finally {
    await accounts.close();
  }
}

/** A file of accounts, opened as by a command beside the gateway. */
export const openTestAccounts = (path: string): Accounts => openAccounts(path, Date.now);
