import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiContext } from '@ogong/host/http/api-app';
import { afterAll, expect, it } from 'vitest';
import { type Accounts, openAccounts } from '../books/accounts.ts';
import { createSignIn, type SignIn } from './sign-in.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-sign-in-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('takes callers without a key until the first one is made, and never again, however many are revoked', async () => {
  const opened: Accounts[] = [];
  const open = () => {
    const accounts = openAccounts(join(directory, 'accounts.db'), () => 0);
    opened.push(accounts);
    return accounts;
  };
  const startGateway = async () => {
    const signIn = createSignIn(open());
    await signIn.start();
    return signIn;
  };
  const enter = async (gateway: SignIn, secret?: string): Promise<string> => {
    const header = (name: string) => (name === 'x-api-key' ? secret : undefined);
    const context = { req: { header }, env: {} } as unknown as ApiContext;
    const handle = gateway.require((_context, { id }) => new Response(id));
    try {
      return await (await handle(context)).text();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const gateway = await startGateway();
  expect(await enter(gateway)).toBe('anonymous');
  const { key, secret } = await open().as('test').addKey({ organisation: '', name: 'first' });
  expect(await enter(gateway)).toContain("didn't provide");
  expect(await enter(gateway, secret)).toBe(key.id);
  await open().as('test').revokeKey(key.id);
  for (const one of [gateway, await startGateway()]) {
    expect(one.isOpen()).toBe(one === gateway);
    expect(await enter(one)).toContain("didn't provide");
    expect(await enter(one, secret)).toContain('Incorrect');
  }
  for (const accounts of opened) await accounts.close();
});
