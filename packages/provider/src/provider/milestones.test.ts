import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { encodeOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { hashBeginning, signProgress } from '@ogong/protocol/exchange/progress';
import { type GenerateRequest, type Milestone, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import {
  network as contracts,
  createNetwork,
  ledger,
  MODEL_ID,
  type Network,
  openProgress,
  payer,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';

let network: Network | undefined;
afterEach(() => network?.close());

interface Passed {
  readonly milestone: Milestone;
  /** All windows so far. */
  readonly windows: readonly WindowBytes[];
  readonly text: string;
}

/** Streams a reply of so many tokens, and says for its text as a gateway does. */
async function stream(message: GenerateRequest): Promise<{ readonly passed: Passed[]; readonly text: string }> {
  const { client } = network as Network;
  const progress = openProgress(client, message);
  const passed: Passed[] = [];
  const windows: WindowBytes[] = [];
  let text = '';
  const events = client.service(ProviderService).generate(message);
  for await (const { event } of untilError(events)) {
    if (event.case === 'delta') {
      text += event.value.text;
      progress.add(event.value.text);
    }
    if (event.case !== 'milestone') continue;
    windows.push(...event.value.windows.map(({ draws, sketch }) => ({ draws, sketch })));
    passed.push({ milestone: event.value, windows: [...windows], text });
  }
  return { passed, text };
}

/** An engine that dies behind so many tokens. */
function createDyingEngine(tokens: number): TextEngine {
  const engine = createFakeEngine({ contextSize: 512 });
  return {
    ...engine,
    async *generate(request, options) {
      let made = 0;
      for await (const event of engine.generate(request, options)) {
        yield event;
        if (event.kind === 'token' && ++made === tokens) throw new EngineError('engine-crashed', 'the engine died');
      }
    },
  };
}

/** Yields the events before the stream broke off. */
async function* untilError<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
  }
}

/** A reply ends at its limit, whatever it draws. */
const NO_END = { 2: -100 };

async function ask(tokens: number, milestones = true, realEngine?: TextEngine): Promise<GenerateRequest> {
  network = await createNetwork({ ...(realEngine && { realEngine }) });
  return Object.assign(
    network.order({ body: { max_tokens: tokens, temperature: 0.9, stop: ['never'], logit_bias: NO_END } }),
    {
      milestones,
    },
  );
}

function verify(message: GenerateRequest, { milestone, windows, text }: Passed, hasLeft = true) {
  const { record, header, textBytes, admission } = milestone;
  const response = utf8Encode(text).subarray(0, textBytes);
  const { orderHash, replyId } = nameOrder(crypto, ledger, parseOrder(message.order!.order));
  const { answer: blind } = computeBlinds(crypto, { body: message.request, replyId });
  const word = { ledger, orderHash, textBytes, textHash: hashBeginning(crypto, blind, response), hasLeft };
  const { progress, signature } = signProgress(crypto, payer, word);
  const { ticket, routerKey, signature: ticketSignature } = message.ticket!;
  const { engine, validator } = network as Network;
  return verifyReceipt(
    {
      ...{ endpoint: 'chat', ledger, admission: admission!, beacon: new Uint8Array(0) },
      order: { bytes: message.order!.order, signature: message.order!.signature },
      ticket: { bytes: ticket, publicKey: routerKey, signature: ticketSignature },
      record: { bytes: record!.record, publicKey: record!.providerKey, signature: record!.signature },
      opening: { bytes: encodeOpening({ blind, header, windows }) },
      progress: { bytes: progress, signature },
    },
    {
      ...{ crypto, request: message.request, response, nowMs: Date.now() },
      trust: {
        ...{
          ledger,
          settlement: contracts.settlement,
          validators: [validator.validator()],
          allow: ['router', 'intake'],
        },
        modelRoots: { [MODEL_ID]: engine.info().modelRoot },
      },
    },
  );
}

describe('milestones of a running text', () => {
  it('stand where the text has a quarter more tokens, and each is a receipt of all before it', async () => {
    const message = await ask(200);
    const { passed, text } = await stream(message);
    const counts = passed.map(({ milestone }) => parseHeader(milestone.header).outputTokenCount);
    expect(counts).toEqual([64, 96, 128, 160]);
    for (const one of passed) {
      const verdict = await verify(message, one);
      expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
      expect(verdict.ok).toBe(true);
      expect(text.startsWith(one.text)).toBe(true);
    }
    // The record that follows is the one that is handed in.
    const { validator } = network as Network;
    await expect.poll(() => validator.pushed.length).toBe(1);
    expect(new TextDecoder().decode(validator.pushed[0]!.record!.record)).toMatch(/^ogong-provider-sig-v2\n/);
  });

  it.each([
    ['of a reply that has none yet', 55, [32]],
    ['behind the others', 200, [64, 96, 128, 160, 192]],
    ['and is none where the newest stands there', 100, [64, 96]],
  ])('are one more where an engine dies and its provider lives: %s', async (_name, tokens, counts) => {
    const message = await ask(300, true, createDyingEngine(tokens));
    const { passed } = await stream(message);
    expect(passed.map(({ milestone }) => parseHeader(milestone.header).outputTokenCount)).toEqual(counts);
    const newest = passed.at(-1) as Passed;
    expect(newest.milestone.last).toBe(counts.at(-1) !== 96);
    const verdict = await verify(message, newest);
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect((network as Network).validator.pushed).toEqual([]);
  });

  it('are one more if the provider stops and its grace is over', async () => {
    const reached = Promise.withResolvers<void>();
    const engine = createFakeEngine({ contextSize: 512 });
    const message = await ask(300, true, {
      ...engine,
      async *generate(request, options) {
        let made = 0;
        for await (const event of engine.generate(request, options)) {
          yield event;
          if (event.kind !== 'token' || ++made !== 55) continue;
          reached.resolve();
          await new Promise((resolve) => options?.signal?.addEventListener('abort', resolve, { once: true }));
        }
      },
    });
    const streaming = stream(message);
    await reached.promise;
    await (network as Network).provider.stop(0);
    const { passed } = await streaming;
    expect(passed.map(({ milestone }) => parseHeader(milestone.header).outputTokenCount)).toEqual([32]);
    expect((await verify(message, passed[0] as Passed)).ok).toBe(true);
  });

  it('prove nothing without a payer that has left', async () => {
    const message = await ask(80);
    const { passed } = await stream(message);
    expect(passed).toHaveLength(1);
    const { checks } = await verify(message, passed[0]!, false);
    expect(checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['stop-strings']);
  });

  it.each([
    ['of a short text', 60, true],
    ['at the end of the text, where its record follows', 64, true],
    ['where nobody wants them', 200, false],
  ])('are not sent %s', async (_name, tokens, milestones) => {
    expect((await stream(await ask(tokens, milestones))).passed).toEqual([]);
  });
});
