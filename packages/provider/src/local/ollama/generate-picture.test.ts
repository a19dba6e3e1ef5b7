import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from '../local-fixture.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  const open = (reference: string) =>
    reference.includes('painter') ? createFakeTrajectoryEngine() : createFakeEngine({ contextSize: 512 });
  fixture = await createLocalFixture({ models: [shelve('painter'), shelve('writer')], open });
});
afterAll(() => fixture.close());

const send = (body: object) => fixture.post('/api/generate', { model: 'painter', prompt: 'a red ship', ...body });

/** Reads width and height of a PNG in base64. */
function readSize(image: unknown): readonly [width: number, height: number] {
  const file = Buffer.from(String(image), 'base64');
  expect(file.subarray(1, 4).toString()).toBe('PNG');
  return [file.readUInt32BE(16), file.readUInt32BE(20)];
}

describe("Ollama's fields of a picture", () => {
  it('make a picture in one answer, which has a receipt', async () => {
    const response = await send({ stream: false, width: 48, height: 32, steps: 3, options: { seed: 7 } });
    const answer = (await response.json()) as Record<string, unknown>;
    expect(answer).toMatchObject({ model: 'painter', done: true, done_reason: 'stop', response: '' });
    expect(answer).toMatchObject({ total_duration: expect.any(Number), load_duration: expect.any(Number) });
    expect(readSize(answer.image)).toEqual([48, 32]);
    const receipt = (await (await fetch(fixture.base + response.headers.get('x-ogong-receipt'))).json()) as {
      readonly checks: readonly { readonly id: string; readonly status: string }[];
    };
    expect(receipt.checks).toContainEqual(expect.objectContaining({ id: 'links', status: 'pass' }));
    expect(receipt.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const again = (await (
      await send({ stream: false, width: 48, height: 32, steps: 3, options: { seed: 7 } })
    ).json()) as {
      readonly image: string;
    };
    expect(again.image).toBe(answer.image);
  });

  it('stream a line for each step, and the picture in the last one', async () => {
    const response = await send({ steps: 3 });
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.slice(0, -1).map(({ completed, total, done }) => [completed, total, done])).toEqual([
      [1, 3, false],
      [2, 3, false],
      [3, 3, false],
    ]);
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: 'stop' });
    expect(readSize(lines.at(-1)?.image)).toEqual([32, 32]);
  });

  it.each<[what: string, body: object, words: RegExp]>([
    ['for a model that writes', { model: 'writer', steps: 3 }, /steps: this model makes no images/],
    ['with half a size', { width: 48 }, /height/],
    ['with too many steps', { steps: 500 }, /steps/],
    ['with a system message', { system: 'Paint.' }, /system: this model makes pictures, and reads no system/],
    ['with pictures to read', { images: ['iVBORw0KGgo='] }, /images: this model makes pictures/],
  ])('are refused %s', async (_what, body, words) => {
    const response = await send({ stream: false, ...body });
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([
      400,
      expect.stringMatching(words),
    ]);
  });

  it('load the model without a prompt', async () => {
    expect(await (await send({ prompt: '' })).json()).toMatchObject({ done: true, done_reason: 'load' });
  });
});
