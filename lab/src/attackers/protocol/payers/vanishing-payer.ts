import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { createNetwork, type Network, until } from '@ogong/testing/provider/provider-fixture';
import { defineAttack } from '../define-attack.ts';

const IDLE_MS = 300;
/** No draw ends the reply before its limit. */
const NO_END = { 2: -100 };
/** A message of the text: its tokens are gathered to a step, and the one that passes it goes along. */
const MESSAGE_BYTES = PROGRESS_STEP_BYTES + 50;

/** Takes what is streamed and signs nothing. */
export const vanishingPayer = defineAttack({
  name: 'vanishing-payer',
  adversary: 'payer that leaves without signing progress',
  aim: "get tokens for nothing, because a reply that was cut short is paid by its payer's signed progress",
  stoppedBy:
    "A provider sends one window of text ahead of the signed progress, and counts its work against the payer's credit",
  restarts: ['provider'],
  async play(
    {
      network,
      ends,
      tokens,
    }: { readonly network: Network; readonly ends: 'vanishes' | 'reads on'; readonly tokens: number },
    breaks,
  ) {
    breaks.add('provider', network.restart);
    const { client, order, validator } = network;
    const mayPush = validator.onPush;
    validator.onPush = () => {
      throw new Error('the validator is down');
    };
    const left = new AbortController();
    const call = client
      .service(ProviderService)
      .generate(order({ body: { max_tokens: tokens, logit_bias: NO_END } }), left);
    let gotBytes = 0;
    let idle: ReturnType<typeof setTimeout> | undefined;
    try {
      for await (const { event } of call) {
        clearTimeout(idle);
        if (event.case === 'delta') gotBytes += Buffer.byteLength(event.value.text);
        if (gotBytes > 0 && ends === 'vanishes') break;
        if (gotBytes + MESSAGE_BYTES > PROGRESS_WINDOW_BYTES) idle = setTimeout(() => left.abort(), IDLE_MS);
      }
    } catch (error) {
      if (!left.signal.aborted) throw error;
    } finally {
      clearTimeout(idle);
    }
    await until(() => network.provider.activeReplies() === 0);
    // Before its record has reached the validator.
    await breaks.take();
    validator.onPush = mayPush;
    await until(() => validator.pushed.length > 0);
    const [pushed] = validator.pushed;
    if (pushed?.record === undefined) throw new Error('no record was handed in');
    return {
      gotBytes,
      stopReason: parseHeader(pushed.header).stopReason,
      committedTokens: parseRecordV2(pushed.record.record).tokenCount,
      hasWord: pushed.progress !== undefined,
    };
  },
  async stage({ play, keep }) {
    const network = keep(await createNetwork({ engine: { stepMs: 1 } }));
    const tokens = 60;
    const given = { network, ends: 'vanishes', tokens } as const;
    const { gotBytes, stopReason, committedTokens } = await play(given);
    return {
      tried: `ordered ${tokens} tokens, took ${gotBytes} bytes of text, and dropped the link`,
      answered: [`the provider hands in a reply of ${committedTokens} tokens, ended by ${stopReason}`],
      money: 'the whole reply is billed',
      worked: stopReason === 'cancelled',
    };
  },
});
