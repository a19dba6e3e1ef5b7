import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { computeReplyFee } from '@ogong/protocol/exchange/fee';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { type GenerateRequest, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { text } from '@ogong/protocol/modality/text/text';
import { computeBilledFee } from '@ogong/protocol/verdict/reply-fee';
import { createNetwork, ledger, type Network, openProgress, until } from '@ogong/testing/provider/provider-fixture';
import { provider } from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const ORDERS = 3;
/** Longer than the window that a provider shows before the first progress. */
const LONG = 2_394;
const SHORT = 300;

/** A grammar that fixes so many characters. After them each second character multiplies the ways to go on by 300. */
function writeGrammar(characters: number): string {
  const ways = Array.from({ length: 300 }, (_, i) => `[^\\x7f] rest "${i}"`).join(' | ');
  return `root ::= "${'ab '.repeat(characters / 3)}" rest\nrest ::= [^\\x7f] (${ways}) | "\\x7f"`;
}

/** Reads a text to its end, and signs the least progress that brings all of it. @returns bytes of the text. */
async function read({ client }: Network, message: GenerateRequest): Promise<number> {
  const progress = openProgress(client, message);
  let bytes = 0;
  try {
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta') continue;
      progress.add(event.value.text);
      bytes += Buffer.byteLength(event.value.text);
    }
  } catch {
    // The provider gave the reply up.
  }
  return bytes;
}

/** The fee of a handed-in text, and the fee of all of its tokens. */
function price({ order, header, request, endpoint, response, progress }: Network['validator']['pushed'][number]) {
  const named = nameOrder(crypto, ledger, parseOrder(order?.order as Uint8Array));
  const asked = parseRequest(request, endpoint as never);
  const read = parseHeader(header);
  const said = progress && parseProgress(progress.progress);
  const billed = { order: named, request: asked, header: read, responseBytes: response.length, progress: said };
  return {
    billedAtomic: computeBilledFee(text, billed),
    wholeAtomic: computeReplyFee(named, boundTextTokens(asked), read),
  };
}

/**
 * Orders texts whose grammars allow nothing after a while, so that no whole reply can be signed. It signs progress for the long ones, and
 * none for the short ones.
 */
export const stuckGrammar = defineAttack({
  name: 'stuck-grammar',
  adversary: 'payer with a grammar that lets a text go no further',
  aim: 'have texts for nothing, and the provider fined for abandoned orders',
  stoppedBy:
    'The text so far is signed and paid as one that is cut short, or the provider ends the order by a signed statement',
  restarts: ['provider', 'validator', 'signer', 'verifier'],
  async play({ network, four }: { readonly network: Network; readonly four: Four }, breaks) {
    const remove = breaks.add('provider', network.restart);
    const { validator } = network;
    const mayPush = validator.onPush;
    validator.onPush = () => {
      throw new Error('the validator is down');
    };
    let gotBytes = 0;
    for (let i = 0; i < 2 * ORDERS; i++) {
      const grammar = writeGrammar(i < ORDERS ? LONG : SHORT);
      gotBytes += await read(network, network.order({ nonce: i + 1, body: { grammar, max_tokens: 3_500 } }));
    }
    // Records and ends are signed, and none has left.
    await breaks.take();
    validator.onPush = mayPush;
    await until(() => validator.pushed.length + validator.ended.length === 2 * ORDERS);
    remove();
    const prices = validator.pushed.map(price);
    const codes = validator.ended.map(({ end }) => parseEnd(end).code);

    const { own, chain } = four;
    await own.deliver(0);
    const ended = Array.from({ length: ORDERS }, (_, index) => own.order(index + 1));
    for (const order of ended) {
      await own.intake.admit(order);
      const { orderHash } = order.fields;
      const end = signEnd(provider, { orderHash, code: 'cannot-go-on', timeMs: 1 });
      await own.intake.pushRecord({ order, end });
    }
    await breaks.take();
    await four.certifyAll();
    await own.runAudits();
    await own.runAbandonments();
    do await breaks.take();
    while (await own.settlement.step());
    const verdicts = own.decided.map(({ verdict }) => verdict);
    const finedAtomic = chain.settled.flatMap(({ lines }) => lines).reduce((sum, { fine = 0n }) => sum + fine, 0n);
    return { gotBytes, prices, codes, verdicts, finedAtomic, refusals: own.refusals };
  },
  async stage({ play, keep, breaks }) {
    const network = keep(await createNetwork({ engine: { contextSize: 4_096 } }));
    const four = await createFour({}, (options) => openAttacked(breaks, options));
    const { gotBytes, prices, codes, verdicts, finedAtomic, refusals } = await play({ network, four });
    const sum = (of: 'billedAtomic' | 'wholeAtomic') => prices.reduce((all, one) => all + one[of], 0n);
    const unjudged = verdicts.filter((verdict) => verdict === 'unjudged').length;
    return {
      tried: `had ${gotBytes} bytes of text of ${2 * ORDERS} orders whose grammars end in nothing`,
      answered: [
        `${prices.length} texts are handed in as far as they were made`,
        `${codes.length} orders are ended: ${[...new Set(codes)].join(', ')}`,
        `validators log ${unjudged} of them without fee and fine`,
      ],
      money: `${sum('billedAtomic')} of ${sum('wholeAtomic')} atomic units are billed, and ${finedAtomic} fined`,
      worked:
        prices.length !== ORDERS ||
        sum('billedAtomic') !== sum('wholeAtomic') ||
        codes.length !== ORDERS ||
        codes.some((code) => code !== 'cannot-go-on') ||
        unjudged !== ORDERS ||
        verdicts.includes('abandoned') ||
        finedAtomic !== 0n ||
        refusals.length > 0,
    };
  },
});
