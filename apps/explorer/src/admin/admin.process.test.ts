import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { computeAddress } from '@ogong/chain/keys';
import { signAuthorization } from '@ogong/chain/money/authorizations';
import { listSignedDeposits } from '@ogong/gateway/books/signed-deposits';
import { Secret } from '@ogong/host/crypto/secret';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { findBarriers, findWide } from '@ogong/testing/browser/layout';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { openTestAccounts } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Browser = Awaited<ReturnType<typeof launchChromium>>;

const reason = whyNoBrowser();
/** A folder for pictures, to be looked at. */
const RECORD = process.env.OGONG_RECORD;
const DEPLOYMENT = { chainId: 31337, token: `0x${'70'.repeat(20)}` } as const;
const ADDRESS = `0x${'ad'.repeat(20)}` as const;

describe.skipIf(reason !== undefined)(`the page of accounts in a browser${reason ? ` (${reason})` : ''}`, () => {
  let directory: TestDirectory;
  let accounts: ReturnType<typeof openTestAccounts>;
  let fixture: GatewayFixture;
  let browser: Browser;
  let operator = '';
  let member = '';
  beforeAll(async () => {
    directory = createTestDirectory('admin-page');
    const keysPath = join(directory.path, 'accounts.db');
    accounts = openTestAccounts(keysPath);
    const changes = accounts.as('test');
    operator = await changes.makeOperatorSecret();
    await changes.putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 5n * 10n ** 18n });
    await changes.putMember({ organisation: 'acme', id: 'olga', role: 'owner' });
    member = (await changes.putMember({ organisation: 'acme', id: 'mia', role: 'member' })).secret as string;
    await changes.putOrganisation({ id: 'other', name: 'Other', budgetAtomic: undefined });
    fixture = await createGatewayFixture({
      keysPath,
      deposits: {
        deployment: DEPLOYMENT,
        ledgerKey: new Secret(new Uint8Array(32).fill(1)),
        ...{ confirmations: 1n, intervalMs: 3_600_000 },
      },
    });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.close();
    await accounts?.close();
    directory?.remove();
  });

  async function open(secret: string, width = 1280) {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    const complaints: string[] = [];
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(`${fixture.url}/admin/`);
    await page.getByLabel('Admin secret').fill(secret);
    await page.getByRole('button', { name: 'Open' }).click();
    return { page, complaints };
  }

  type Page = Awaited<ReturnType<Browser['newPage']>>;

  const findFaults = async (page: Page): Promise<string[]> => [
    ...(await findBarriers(page)),
    ...(await findWide(page)),
  ];

  /** An action without undo needs a second press. */
  async function press(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name, exact: true }).click();
    await page.getByRole('button', { name: `${name}: yes, really` }).click();
  }

  it('makes a key whose secret it shows once, and which buys until it is revoked', async () => {
    const { page, complaints } = await open(operator);
    const form = page.locator('section', { has: page.getByRole('heading', { name: 'Keys' }) }).locator('form');
    await form.getByLabel('Organisation').fill('acme');
    await form.getByLabel('Name').fill('laptop');
    await form.getByLabel('Budget').fill('2');
    await form.getByRole('button', { name: 'Make a key' }).click();
    const secret = (await page.locator('#made').textContent()) as string;
    expect(await accounts.find(secret)).toMatchObject({ budgetAtomic: 2n * 10n ** 18n, organisation: { id: 'acme' } });
    // One press alone changes nothing.
    await page.getByRole('button', { name: 'Revoke laptop' }).click();
    expect(await accounts.find(secret)).toBeDefined();
    await page.getByRole('button', { name: 'Revoke laptop: yes, really' }).click();
    await page.getByRole('cell', { name: 'revoked', exact: true }).waitFor();
    expect(await accounts.find(secret)).toBeUndefined();
    // Neither the page nor the browser keeps a secret.
    expect(await page.locator('#made').count()).toBe(0);
    expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])')).toBe(
      '[{},{},""]',
    );
    await page.getByRole('cell', { name: 'key revoked' }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows a member its own organisation alone, and says what its role may not do', async () => {
    const { page } = await open(member, 390);
    await page.getByRole('heading', { name: 'Members' }).waitFor();
    await page.getByRole('cell', { name: 'mia', exact: true }).waitFor();
    expect(await page.getByText('Other', { exact: true }).count()).toBe(0);
    expect(await page.getByRole('heading', { name: 'Changes' }).count()).toBe(0);
    await press(page, 'Remove olga');
    await page.getByText('Your role, member, may not do this.').waitFor();
    expect((await accounts.listMembers('acme')).map(({ id }) => id)).toContain('olga');
    expect(await findFaults(page)).toEqual([]);
    await page.close();
  });

  it('makes keys with every limit, rotates them and members, shows usage as CSV', async () => {
    const { page, complaints } = await open(operator);
    const part = (title: string) => page.locator('section', { has: page.getByRole('heading', { name: title }) });
    const form = part('Keys').locator('form');
    const given = {
      ...{ Organisation: 'acme', Name: 'limited', Budget: '0.9', Models: 'ogong/replay/*, ogong/verified/x' },
      ...{ 'Requests a minute': '7', 'Tokens a minute': '800', 'Last day': '2031-01-31' },
    };
    for (const [label, value] of Object.entries(given)) await form.getByLabel(label).fill(value);
    await form.getByRole('button', { name: 'Make a key' }).click();
    const secret = (await page.locator('#made').textContent()) as string;
    expect(await accounts.find(secret)).toMatchObject({
      ...{ budgetAtomic: 9n * 10n ** 17n, models: ['ogong/replay/*', 'ogong/verified/x'] },
      limits: { requestsPerMinute: 7, tokensPerMinute: 800 },
    });
    await page.getByRole('cell', { name: 'until 2031-01-31T23:59:59.000Z', exact: true }).waitFor();
    await page.getByRole('cell', { name: '7 requests, 800 tokens', exact: true }).waitFor();
    await press(page, 'Rotate limited');
    await expect.poll(() => accounts.find(secret)).toBeUndefined();
    const rotated = (await page.locator('#made').textContent()) as string;
    expect(await accounts.find(rotated)).toMatchObject({ budgetAtomic: 9n * 10n ** 17n });

    const before = member;
    await press(page, 'Rotate mia');
    await expect.poll(() => accounts.findMember(before)).toBeUndefined();
    await page.locator('#made', { hasText: 'ogong-admin' }).waitFor();
    member = (await page.locator('#made').textContent()) as string;
    expect(await accounts.findMember(member)).toMatchObject({ id: 'mia' });

    await part('Members').locator('form').getByLabel('Member', { exact: true }).fill('ned');
    await part('Members').locator('form').getByRole('button', { name: 'Add or change' }).click();
    await page.getByRole('cell', { name: 'ned', exact: true }).first().waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as CSV' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('usage.csv');
    expect(readFileSync((await download.path()) as string, 'utf8')).toContain('day,');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('books credit, has a wallet sign a transfer that the gateway sends, and shows both in the log', async () => {
    const { page, complaints } = await open(operator);
    const part = page.locator('section', { has: page.getByRole('heading', { name: 'Credit' }) });
    const book = async (fields: Readonly<Record<string, string>>): Promise<void> => {
      for (const [label, value] of Object.entries(fields)) await part.getByLabel(label, { exact: true }).fill(value);
      await part.getByRole('button', { name: 'Book credit' }).click();
    };
    await book({ Organisation: 'acme', Reference: 'invoice-1', 'Credit, OGONG; below 0 takes back': '5000' });
    await part.getByRole('cell', { name: 'operator:invoice-1' }).waitFor();
    await page.getByRole('cell', { name: 'credit added' }).waitFor();

    const key = `0x${'11'.repeat(32)}` as const;
    const payer = computeAddress(key);
    fixture.store.database.prepare('INSERT OR REPLACE INTO deposits VALUES (?, ?, 0)').run('org:acme', ADDRESS);
    await page.exposeFunction('signByTestKey', async (json: string) => {
      const { message, domain } = JSON.parse(json);
      expect(domain).toMatchObject({ chainId: 31337, verifyingContract: DEPLOYMENT.token });
      const { from, to, nonce } = message;
      const [value, validAfter, validBefore] = [message.value, message.validAfter, message.validBefore].map(BigInt);
      const authorization = { from, to, nonce, value, validAfter, validBefore } as never;
      return signAuthorization(DEPLOYMENT, authorization, key);
    });
    await page.evaluate(
      `globalThis.ethereum = { request: ({ method, params }) => method === 'eth_requestAccounts' ? ['${payer}'] : signByTestKey(params[1]) }`,
    );
    await book({ Organisation: 'acme', Reference: 'invoice-2', 'Credit, OGONG; below 0 takes back': '-7' });
    await part.getByText(ADDRESS).waitFor();
    await part.getByLabel('Organisation that is paid for').fill('acme');
    await part.getByLabel('Tokens, OGONG').fill('1.23');
    await part.getByRole('button', { name: 'Pay in' }).click();
    await part.getByRole('cell', { name: 'signed transfer, pending' }).waitFor();
    const [row] = await fixture.books.read(() => listSignedDeposits('org:acme'));
    expect(row).toMatchObject({ payer, recipient: ADDRESS, amountAtomic: 123n * 10n ** 16n, actor: 'operator by API' });
    await page.getByRole('cell', { name: 'signed transfer handed in' }).waitFor();
    await page.getByRole('cell', { name: 'credit taken back' }).waitFor();
    // All that an operator sees, with every kind of table.
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      expect(await findFaults(page), `${width}`).toEqual([]);
      if (RECORD === undefined) continue;
      const path = join(RECORD, `accounts-${width}.jpg`);
      await page.screenshot({ path, type: 'jpeg', quality: 50, fullPage: true });
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('keeps refused input, and names the fault, also if nobody answers', async () => {
    const { page, complaints } = await open(operator);
    const form = page.locator('section', { has: page.getByRole('heading', { name: 'Organisations' }) }).locator('form');
    const typed = { Organisation: 'kept', Name: 'Kept Ltd', Budget: '1,5' };
    for (const [label, value] of Object.entries(typed)) await form.getByLabel(label).fill(value);
    await form.getByRole('button', { name: 'Add or change' }).click();
    const alert = page.getByRole('alert');
    await alert.filter({ hasText: '1,5 is no amount: write OGONG, as 12.5' }).waitFor();
    expect(await form.getByLabel('Name').inputValue()).toBe('Kept Ltd');
    await form.getByLabel('Budget').fill('1.5');
    await page.route('**/admin/v1/**', (route) => route.fulfill({ status: 502, body: '<h1>Bad gateway</h1>' }));
    await form.getByRole('button', { name: 'Add or change' }).click();
    await alert.filter({ hasText: 'The gateway answers 502.' }).waitFor();
    await page.unroute('**/admin/v1/**');
    await page.route('**/admin/v1/**', (route) => route.abort());
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    await alert.filter({ hasText: 'The gateway does not answer.' }).waitFor();
    await page.unroute('**/admin/v1/**');
    await form.getByRole('button', { name: 'Add or change' }).click();
    await page.getByRole('cell', { name: 'Kept Ltd', exact: true }).waitFor();
    expect(await form.getByLabel('Name').inputValue()).toBe('');
    expect((await accounts.listOrganisations()).find(({ id }) => id === 'kept')?.budgetAtomic).toBe(15n * 10n ** 17n);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('refuses a stranger, with the message of the gateway', async () => {
    const { page } = await open('ogong-admin-nobody');
    await page.getByRole('alert').getByText('The admin API takes an admin secret').waitFor();
    await page.close();
  });
});
