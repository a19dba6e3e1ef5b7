import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { changeScreen, findBarriers, findLayoutFaults, SCREENS } from '@ogong/testing/browser/layout';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { readVisionExamples, type VisionExample } from '@ogong/testing/models/vision-folder';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

const reason = whyNoBrowser();
/** A folder for pictures, to be looked at. */
const RECORD = process.env.OGONG_RECORD;

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
      models: [
        shelve('fake', { defaults }),
        shelve(HOSTILE, { defaults }),
        shelve('broken'),
        shelve('seer', { defaults, readsPictures: true }),
        shelve('painter', { path: pathOfPictureModel('tiny-shapes-flow-dit'), modelRoot: '08'.repeat(32) }),
      ],
      open: (reference) =>
        reference.includes('painter')
          ? createFakeTrajectoryEngine()
          : createFakeEngine({ contextSize: 512, readsPictures: reference.includes('seer') }),
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

  const [{ file }] = readVisionExamples() as [VisionExample];
  const upload = { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from(file) };
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
    expect(await textOf('.checks > summary')).toBe('17 checks passed');
    await page.locator('.checks > summary').last().click();
    const groups = page.locator('article:last-child .groups li');
    expect(await groups.locator('strong').allTextContents()).toEqual([
      ...['Signatures', 'Weights', 'Draws', 'Payment', 'Settlement'],
    ]);
    // A local answer has no signatures: the group is not proven.
    expect(await groups.first().getAttribute('class')).toBe('skip');
    await page.getByText('All 17 checks').last().click();
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
    expect(await textOf('.checks > summary')).toBe('1 check failed');
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

  /** Replaces the text of each answer; its receipt stays. */
  const answerWith = (text: string, reason = 'stop') =>
    page.route('**/api/chat', async (route) => {
      const response = await route.fetch();
      const lines = (await response.text()).trim().split('\n');
      const last = JSON.parse(lines.at(-1) as string) as object;
      const message = { role: 'assistant', content: text };
      const body = `${JSON.stringify({ message, done: false })}\n${JSON.stringify({ ...last, done_reason: reason })}\n`;
      await route.fulfill({ response, body });
    });

  it('shows Markdown by elements, copies code and answer, and marks an answer that was cut', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fixture.base });
    const text = `  **Bold** ${HOSTILE}\n\n![far](https://far.example/x.png)\n\n\`\`\`js\nlet a = 1;\n\`\`\``;
    await answerWith(text, 'length');
    await say('Hello');
    await page.locator('.checks:not([hidden])').waitFor();
    expect(await textOf('.answer strong')).toBe('Bold');
    expect(await page.locator('.answer').textContent()).toMatch(/^Bold <img src=x/);
    expect(await page.locator('.answer img').count()).toBe(0);
    expect(await page.locator('.answer a').getAttribute('rel')).toBe('noopener noreferrer nofollow');
    expect(await textOf('.answer pre')).toBe('let a = 1;');
    expect(await textOf('.note .cut')).toBe('cut at the limit of tokens or context');
    await page.getByRole('button', { name: 'Copy the code' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('let a = 1;');
    await page.getByRole('button', { name: 'Copy the answer' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(text.trimStart());
    expect(await page.evaluate('globalThis.wasRun')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it('fits a phone, a tablet and a desk, in light and dark', async () => {
    const wide = 'w'.repeat(300);
    await answerWith(
      `# A\n\n${wide}\n\n\`\`\`\n${wide}\n\`\`\`\n\n|a|b|\n|-|-|\n|${wide}|1|\n\n1. one\n\n> two`,
      'length',
    );
    await page.selectOption('#model', 'seer');
    await page.setInputFiles('#file', upload);
    await page.locator('#attached img').waitFor();
    await say('Hello');
    await page.locator('.checks:not([hidden])').waitFor();
    await page.setInputFiles('#file', upload);
    await page.locator('#attached img').waitFor();
    for (const screen of SCREENS) {
      await changeScreen(page, screen);
      const name = `local-${screen.width}-${screen.colorScheme}`;
      // The list of models is closed on a phone.
      await expect.poll(() => page.locator('#models').isVisible()).toBe(screen.width > 720);
      expect((await page.locator('header').boundingBox())?.height, name).toBeLessThan(60);
      if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, `${name}.png`) });
      expect(await findLayoutFaults(page, ['header', 'aside', '#turns', '#foot']), name).toEqual([]);
      if (screen.width !== 768) expect(await findBarriers(page), name).toEqual([]);
    }
    expect(complaints).toEqual([]);
  });

  it('asks again, and replaces a question that is edited with all after it', async () => {
    const asked: string[][] = [];
    page.on('request', (request) => {
      if (!request.url().endsWith('/api/chat')) return;
      const { messages } = request.postDataJSON() as { messages: { content: string; role: string }[] };
      asked.push(messages.filter(({ role }) => role === 'user').map(({ content }) => content));
    });
    for (const [turn, text] of ['One', 'Two'].entries()) {
      await say(text);
      await page.locator('.checks:not([hidden])').nth(turn).waitFor();
    }
    const idle = page.locator('body:not(.asking)');
    await idle.waitFor();
    await page.getByRole('button', { name: 'regenerate' }).last().click();
    await expect.poll(() => asked.length).toBe(3);
    await idle.waitFor();
    await page.getByRole('button', { name: 'edit' }).first().click();
    expect(await page.inputValue('#text')).toBe('One');
    await page.click('#keep');
    await page.getByRole('button', { name: 'edit' }).first().click();
    await say('Three');
    await page.locator('.checks:not([hidden])').waitFor();
    expect(await page.locator('.question').allTextContents()).toEqual(['Three']);
    expect(asked).toEqual([['One'], ['One', 'Two'], ['One', 'Two'], ['Three']]);
  });

  it('shows pictures to a model that reads them, also with the next questions', async () => {
    expect(await page.locator('#attach').isVisible()).toBe(false);
    await page.setInputFiles('#file', upload);
    await page.locator('#problem', { hasText: 'fake reads no pictures' }).waitFor();
    await page.selectOption('#model', 'seer');
    await page.setInputFiles('#file', [upload, { ...upload, mimeType: 'text/plain' }]);
    await page.locator('#problem', { hasText: 'A picture is a PNG, JPEG, WebP or GIF file.' }).waitFor();
    await page.setInputFiles('#file', upload);
    await page.locator('#attached img').nth(1).waitFor();
    await page.getByRole('button', { name: 'Remove picture 2' }).click();
    for (const [turn, text] of ['What is shown?', 'And its colour?'].entries()) {
      await say(text);
      await page.locator('.checks:not([hidden])').nth(turn).waitFor();
    }
    expect(await page.locator('article .pictures img').count()).toBe(1);
    expect(await page.locator('#attached').isVisible()).toBe(false);
    const path = await page.locator('.word a').last().getAttribute('href');
    const { media } = (await (await fetch(`${fixture.base}${path}`)).json()) as { media: string[] };
    expect(media).toEqual([Buffer.from(file).toString('base64')]);
    await page.getByRole('button', { name: 'edit' }).first().click();
    expect(await page.locator('#attached img').count()).toBe(1);
    const paste = (text: string) =>
      page.evaluate(`(() => {
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File(['abcd'], 'a.png', { type: 'image/png' }));
        if (${JSON.stringify(text)}) clipboardData.setData('text/plain', ${JSON.stringify(text)});
        const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
        document.getElementById('text').dispatchEvent(event);
      })()`);
    await paste('');
    await page.locator('#attached img').nth(1).waitFor({ state: 'attached' });
    await paste('a table');
    expect(await page.locator('#attached img').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it('makes a picture step by step, with the checks of its steps', async () => {
    await page.selectOption('#model', 'painter');
    expect(await page.getAttribute('#text', 'placeholder')).toBe('Describe a picture');
    await say('a red ship');
    await page.locator('.checks:not([hidden])').waitFor();
    const picture = page.getByRole('img', { name: 'Picture of: a red ship' });
    const [saved] = await Promise.all([page.waitForEvent('download'), page.getByText('save the picture').click()]);
    const png = readFileSync((await saved.path()) as string).toString('base64');
    expect(await picture.getAttribute('src')).toBe(`data:image/png;base64,${png}`);
    expect(await picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth)).toBe(32);
    expect(await page.locator('.answer progress, .preview').count()).toBe(0);
    expect(await textOf('.note')).toBe('painter · 8 units');
    const passed = await page.locator('.checks .raw li b').allTextContents();
    expect(passed).toEqual(expect.arrayContaining(['links', 'projections', 'pixels']));
    if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, 'local-painter.png') });
    expect(await findBarriers(page)).toEqual([]);
    // A picture is no message of the next question.
    await page.selectOption('#model', 'fake');
    const asked = page.waitForRequest('**/api/chat');
    await say('Hello');
    expect((await asked).postDataJSON()).toMatchObject({ messages: [{ role: 'user', content: 'Hello' }] });
    expect(complaints).toEqual([]);
  });

  it('says above the composer that the server does not answer', async () => {
    await page.route('**/machine', (route) => route.fulfill({ status: 500, json: { error: 'out of order' } }));
    await page.reload();
    await page.locator('#problem', { hasText: 'The server does not answer: out of order' }).waitFor();
    const boxes = await Promise.all(['#problem', '#ask'].map((one) => page.locator(one).boundingBox()));
    expect(boxes[0]?.y).toBeLessThan(boxes[1]?.y ?? 0);
  });

  it('asks an example, asks nothing that is empty, and keeps the newest picture in view on a phone', async () => {
    await changeScreen(page, { width: 390, height: 800, colorScheme: 'light' });
    expect(await page.isDisabled('#send')).toBe(true);
    await page.fill('#text', '   ');
    expect(await page.isDisabled('#send')).toBe(true);
    await page.fill('#text', 'a');
    expect(await page.isDisabled('#send')).toBe(false);
    await page.fill('#text', '');
    await page.getByRole('list', { name: 'Examples' }).getByRole('button').first().click();
    await page.locator('.checks:not([hidden])').waitFor();
    await page.selectOption('#model', 'painter');
    await say('a red ship');
    await page.locator('.checks:not([hidden])').nth(1).waitFor();
    const bottomOf = async (name: string) => {
      const box = await page.locator(name).last().boundingBox();
      return (box?.y ?? Number.NaN) + (box?.height ?? Number.NaN);
    };
    await expect.poll(() => bottomOf('.answer img')).toBeLessThanOrEqual(await bottomOf('#turns'));
  });

  it('pulls a model with its progress, and says why it cannot', async () => {
    const lines = [{ status: 'pulling 0a', total: 200, completed: 100 }, { status: 'success' }];
    const wanted: unknown[] = [];
    let answer: object = { body: lines.map((line) => `${JSON.stringify(line)}\n`).join('') };
    await page.route('**/api/pull', async (route) => {
      wanted.push(route.request().postDataJSON());
      await route.fulfill(answer);
    });
    const pull = async (name: string) => {
      await page.getByLabel('Pull a model').fill(name);
      await page.keyboard.press('Enter');
    };
    await pull('stories15M');
    await page.getByText('stories15M is here.').waitFor();
    answer = { body: `${JSON.stringify(lines[0])}\n` };
    await pull('half');
    await page.getByText('It was not pulled: the server broke off').waitFor();
    answer = { status: 404, json: { error: 'no such model' } };
    await pull('nothing');
    await page.getByText('It was not pulled: no such model').waitFor();
    expect(wanted).toEqual(['stories15M', 'half', 'nothing'].map((model) => ({ model })));
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
