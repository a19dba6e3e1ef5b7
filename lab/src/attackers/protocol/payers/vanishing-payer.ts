import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type Network, until } from '@ogong/testing/provider/provider-fixture';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

export interface VanishingPayer {
  readonly network: Network;
  /** It drops the link at the first text, or once no more comes for a while. */
  readonly ends: 'vanishes' | 'reads on';
  readonly tokens: number;
}

export interface VanishingOutcome {
  /** UTF-8 bytes of the reply's text that it got. */
  readonly gotBytes: number;
  /** How the record says that the reply ended, and how much of it there is. */
  readonly stopReason: string;
  readonly committedTokens: number;
  /** Whether the provider hands in a word of the payer. */
  readonly hasWord: boolean;
}

const IDLE_MS = 300;
/** A message of the text: its tokens are gathered to a step, and the one that passes it goes along. */
const MESSAGE_BYTES = PROGRESS_STEP_BYTES + 50;

/** Takes what is streamed and signs nothing. */
export const vanishingPayer: ProtocolAttack<VanishingPayer, Promise<VanishingOutcome>> = {
  name: 'vanishing-payer',
  adversary: 'payer that leaves without signing progress',
  aim: 'get tokens for nothing, because a reply that was cut short is paid by the word of its payer',
  stoppedBy:
    "A provider sends one window of text ahead of the signed progress, and counts its work against the payer's credit",
  restarts: ['provider'],
  async play({ network, ends, tokens }, breaks = NO_BREAKS) {
    breaks.add('provider', network.restart);
    const { client, order, validator } = network;
    const mayPush = validator.onPush;
    validator.onPush = () => {
      throw new Error('the validator is down');
    };
    const left = new AbortController();
    const call = client.service(ProviderService).generate(order({ body: { max_tokens: tokens } }), left);
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
};
