import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { parseEnd, type SignedEnd } from '@ogong/protocol/exchange/ending/order-end';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { verifyReply } from '@ogong/protocol/verdict/claim';
import { createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import {
  network as chain,
  createNetwork,
  ledger,
  type Network,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** A grammar of so many fixed characters, after which each second character multiplies the ways to go on by 300. */
function writeStuck(characters: number): string {
  const ways = Array.from({ length: 300 }, (_, i) => `[^\\x7f] rest "${i}"`).join(' | ');
  return `root ::= "${'ab '.repeat(characters / 3)}" rest\nrest ::= [^\\x7f] (${ways}) | "\\x7f"`;
}

const start = async (): Promise<Network> => {
  open = await createNetwork({ engine: { contextSize: 4_096 } });
  return open;
};

describe('a grammar that lets a reply go no further', () => {
  it('ends a text that its payer has signed for by a record, and the text is paid', async () => {
    const network = await start();
    const message = network.order({ body: { grammar: writeStuck(2_394), max_tokens: 3_500 } });
    const { finished, text } = await receive(network.client, message);
    expect(finished.stopReason).toBe('cancelled');
    expect(text.length).toBeGreaterThan(2_394);
    await until(() => network.validator.pushed.length === 1);
    const push = network.validator.pushed[0]!;
    expect(parseProgress(push.progress!.progress).textBytes).toBeGreaterThan(0);
    const genesis = computeGenesisBeacon(crypto, chain);
    const context = {
      ...{ ledger, order: nameOrder(crypto, ledger, parseOrder(message.order!.order)) },
      ...{ beacon: { value: genesis, previous: genesis }, checkWord: createPayeeStatements(crypto, ledger) },
    };
    const { feeAtomic, header } = verifyReply(crypto, context as never, push as never);
    const whole = BigInt(header.promptTokenCount + header.outputTokenCount) * 2_000n;
    expect(feeAtomic).toBe(whole);
    expect(network.validator.ended).toEqual([]);
  });

  it('ends the order of a payer that has signed for nothing', async () => {
    const network = await start();
    const message = network.order({ body: { grammar: writeStuck(30), max_tokens: 100 } });
    const events: (string | undefined)[] = [];
    const read = async () => {
      for await (const { event } of network.client.service(ProviderService).generate(message)) events.push(event.case);
    };
    await expect(read()).rejects.toThrow(/ways to go on|no token of this model/);
    expect(events.at(-1)).toBe('ended');
    await until(() => network.validator.ended.length === 1);
    expect(parseEnd((network.validator.ended[0] as SignedEnd).end).code).toBe('cannot-go-on');
    expect(network.validator.pushed).toEqual([]);
  });
});
