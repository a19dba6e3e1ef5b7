import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, type Network } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { vanishingPayer } from './vanishing-payer.ts';

let network: Network | undefined;
afterEach(async () => {
  await network?.close();
  network = undefined;
});

/** Each token is 50 bytes of text. */
async function open(stepMs: number): Promise<Network> {
  const fake = createFakeEngine({ contextSize: 512, stepMs });
  async function* generate(...call: Parameters<typeof fake.generate>): ReturnType<typeof fake.generate> {
    for await (const event of fake.generate(...call)) {
      yield event.kind === 'token' ? { ...event, text: 'x'.repeat(50) } : event;
    }
  }
  network = await createNetwork({ realEngine: { ...fake, generate } });
  return network;
}

describe.each([false, true])('a payer that signs nothing (the provider restarts: %s)', (restarts) => {
  async function play(given: Omit<Parameters<typeof vanishingPayer.play>[0], 'network'>) {
    const breaks = createBreaks();
    const outcome = await vanishingPayer.play({ network: await open(1), ...given }, restarts ? breaks : undefined);
    breaks.end();
    return outcome;
  }

  it('and drops the link pays for all that it ordered', async () => {
    const outcome = await play({ ends: 'vanishes', tokens: 61 });
    expect(outcome).toMatchObject({ committedTokens: 61, hasWord: false });
    expect(outcome.stopReason).not.toBe('cancelled');
  });

  it('and reads on gets one window of text', async () => {
    const { gotBytes, committedTokens, stopReason } = await play({ ends: 'reads on', tokens: 200 });
    expect(gotBytes).toBeLessThanOrEqual(PROGRESS_WINDOW_BYTES);
    // The rest was served too, and is billed.
    expect(committedTokens * 50).toBeGreaterThan(2 * gotBytes);
    expect(stopReason).not.toBe('cancelled');
  });
});
