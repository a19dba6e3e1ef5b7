import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

const reason = whyNoBrowser();

type Browser = Awaited<ReturnType<typeof launchChromium>>;
type Page = Awaited<ReturnType<Browser['newPage']>>;

/** As markup it would run. */
const HOSTILE = '<img src=x onerror="globalThis.wasRun=1">';

describe.skipIf(reason !== undefined)(`the page of local mode${reason ? ` (${reason})` : ''}`, () => {
  let fixture: LocalFixture;
  let browser: Browser;
  let page: Page;
  /** Complaints of the browser, such as a violation of the policy. */
  let complaints: string[];
  beforeAll(async () => {
    const defaults = { from: 'fake', parameters: { num_predict: 40 } };
    fixture = await createLocalFixture({
      models: [shelve('fake', { defaults }), shelve(HOSTILE, { defaults }), shelve('broken')],
      open: () => createFakeEngine({ contextSize: 512 }),
    });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.close();
  });
  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(fixture.base);
    await page.waitForSelector('#model option', { state: 'attached' });
    return () => page.close();
  });

  const say = async (text: string): Promise<void> => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  };
  const textOf = (selector: string): Promise<string> =>
    page
      .locator(selector)
      .last()
      .textContent()
      .then((text) => text ?? '');

  it('talks, and shows the checks of each answer', async () => {
    for (const [turn, text] of ['Hello', 'And then?'].entries()) {
      await say(text);
      await page.locator('.checks:not([hidden])').nth(turn).waitFor();
    }
    expect(await page.locator('.question').allTextContents()).toEqual(['Hello', 'And then?']);
    expect(await textOf('.answer')).not.toBe('');
    expect(await textOf('.note')).toMatch(/^fake · \d+ tokens · [\d.]+ tokens\/s/);
    expect(await textOf('.checks summary')).toBe('17 checks passed');
    await page.locator('.checks summary').last().click();
    const passed = await page.locator('article:last-child .checks li b').allTextContents();
    expect(passed).toEqual(expect.arrayContaining(['draw-replay', 'response-hash']));
    expect(passed).not.toContain('record-signature');
    expect(await textOf('.absent')).toMatch(/^Not checked, .*record-signature.*validator.*fee/);
    const path = await page.locator('.word a').last().getAttribute('href');
    const { request } = (await (await fetch(`${fixture.base}${path}`)).json()) as { request: string };
    const asked = JSON.parse(Buffer.from(request, 'base64').toString()) as { messages: { role: string }[] };
    expect(asked.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    await page
      .locator('.loaded .facts', { hasText: /context 512 · [\d.]+\stokens\/s$/ })
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows an answer that a check refutes as such', async () => {
    await page.route('**/v1/receipts/**', async (route) => {
      const response = await route.fetch();
      const receipt = (await response.json()) as { checks: { id: string; status: string }[] };
      const checks = receipt.checks.map((one) => (one.id === 'draw-replay' ? { ...one, status: 'fail' } : one));
      await route.fulfill({ json: { ...receipt, checks } });
    });
    await say('Hello');
    await page.locator('.checks.refuted[open]').waitFor();
    expect(await textOf('.checks summary')).toBe('1 checks failed');
    expect(await page.locator('.checks li.fail b').allTextContents()).toEqual(['draw-replay']);
  });

  it('shows text as text, whatever it holds', async () => {
    await page.selectOption('#model', HOSTILE);
    await say(HOSTILE);
    await page.locator('.checks:not([hidden])').waitFor();
    expect(await textOf('.question')).toBe(HOSTILE);
    expect(await page.locator('#models b').allTextContents()).toContain(HOSTILE);
    expect(await page.evaluate('globalThis.wasRun')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it('runs no script but its own', async () => {
    const refused = await page.evaluate(`(() => {
      const script = document.createElement('script');
      try { script.text = 'globalThis.wasRun = 1'; } catch { return 'refused'; }
      document.body.append(script);
      return globalThis.wasRun === 1 ? 'run' : 'blocked';
    })()`);
    expect(refused).toBe('refused');
  });

  it('says why there is no answer, and goes on', async () => {
    await page.selectOption('#model', 'broken');
    await say('Hello');
    await page.locator('.failed').waitFor();
    expect(await textOf('.failed .note')).toBe('the file is broken');
    await page.selectOption('#model', 'fake');
    await say('Hello');
    await page.locator('.checks:not([hidden])').waitFor();
    await page.click('#clear');
    expect(await page.locator('article').count()).toBe(0);
  });

  it('stops an answer, which then has no receipt', async () => {
    await page.route('**/api/chat', () => undefined);
    await say('Hello');
    await page.click('#stop');
    await page.locator('.note', { hasText: 'stopped; it has no receipt' }).waitFor();
    expect(await page.locator('.checks:not([hidden])').count()).toBe(0);
  });
});
