import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, type Network, openProgress, until } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** 3,000 bytes of text, in which no piece of 512 ends where a character does. */
const LONG_TOKEN = '\u20ac'.repeat(1_000);

/** Its engine makes one token that is longer than a window. */
async function start(): Promise<Network> {
  const fake = createFakeEngine({ contextSize: 512, stepMs: 1 });
  async function* generate(...call: Parameters<typeof fake.generate>): ReturnType<typeof fake.generate> {
    for await (const event of fake.generate(...call)) {
      if (event.kind === 'token') yield { ...event, text: LONG_TOKEN };
      else if (event.kind === 'end') yield { ...event, text: LONG_TOKEN.repeat(event.outputTokens.length) };
      else yield event;
    }
  }
  open = await createNetwork({ realEngine: { ...fake, generate } });
  return open;
}

describe('tokens that are longer than a window', () => {
  it('leave in pieces of a step, cut between characters, as far as the payer signs for them', async () => {
    const { client, order, validator } = await start();
    const message = order({ body: { max_tokens: 3, logprobs: true } });
    const progress = openProgress(client, message);
    const pieces: { readonly text: string; readonly bytes: number; readonly tokens: number }[] = [];
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta') continue;
      const { text, tokens } = event.value;
      pieces.push({ text, bytes: Buffer.byteLength(text), tokens: tokens.length });
      progress.add(text);
    }
    expect(pieces.map(({ text }) => text).join('')).toBe(LONG_TOKEN.repeat(3));
    expect(pieces.filter(({ bytes }) => bytes > PROGRESS_STEP_BYTES)).toEqual([]);
    // Log-probabilities come with the last piece, which is the one that is no full step.
    const ends = pieces.filter(({ tokens }) => tokens > 0);
    expect(ends.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(3);
    expect(ends.filter(({ bytes }) => bytes > PROGRESS_STEP_BYTES - 3)).toEqual([]);
    await until(() => validator.pushed.length === 1);
    const said = parseProgress(validator.pushed[0]!.progress!.progress);
    expect(said.textBytes).toBeGreaterThanOrEqual(3 * 3_000 - PROGRESS_WINDOW_BYTES);
  });

  it('are shown no further than a window to a payer that signs for nothing, and leaves', async () => {
    const { client, order, validator } = await start();
    const message = order({ body: { max_tokens: 3 } });
    const progress = openProgress(client, message);
    let bytes = 0;
    let leaving: Promise<unknown> | undefined;
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta') continue;
      bytes += Buffer.byteLength(event.value.text);
      if (bytes > PROGRESS_WINDOW_BYTES - PROGRESS_STEP_BYTES) leaving ??= progress.leave();
    }
    await leaving;
    expect(bytes).toBeGreaterThan(PROGRESS_WINDOW_BYTES - PROGRESS_STEP_BYTES);
    expect(bytes).toBeLessThanOrEqual(PROGRESS_WINDOW_BYTES);
    await until(() => validator.pushed.length === 1);
    expect(parseProgress(validator.pushed[0]!.progress!.progress)).toMatchObject({ textBytes: 0, hasLeft: true });
  });
});
