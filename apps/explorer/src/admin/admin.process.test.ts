import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { openTestAccounts } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Browser = Awaited<ReturnType<typeof launchChromium>>;

const reason = whyNoBrowser();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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
    fixture = await createGatewayFixture({ keysPath });
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

  it('makes a key whose secret it shows once, and which buys until it is revoked', async () => {
    const { page, complaints } = await open(operator);
    const form = page.locator('section', { has: page.getByRole('heading', { name: 'Keys' }) }).locator('form');
    await form.getByLabel('Organisation').fill('acme');
    await form.getByLabel('Name').fill('laptop');
    await form.getByLabel('Budget').fill(`${2n * 10n ** 18n}`);
    await form.getByRole('button', { name: 'Make a key' }).click();
    const secret = (await page.locator('#made').textContent()) as string;
    expect(await accounts.find(secret)).toMatchObject({ budgetAtomic: 2n * 10n ** 18n, organisation: { id: 'acme' } });
    await page.getByRole('button', { name: 'Revoke laptop' }).click();
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
    await page.getByRole('button', { name: 'Remove olga' }).click();
    await page.getByText('Your role, member, may not do this.').waitFor();
    expect((await accounts.listMembers('acme')).map(({ id }) => id)).toContain('olga');
    await page.evaluate(AXE);
    const barriers = await page.evaluate(
      `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))`,
    );
    expect(barriers).toEqual([]);
    await page.close();
  });

  it('refuses who is nobody, in the words of the gateway', async () => {
    const { page } = await open('ogong-admin-nobody');
    await page.getByRole('alert').getByText('The admin API takes an admin secret').waitFor();
    await page.close();
  });
});
