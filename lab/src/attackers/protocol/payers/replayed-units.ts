import { create } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import {
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { UNIT_SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import type { Network } from '@ogong/testing/provider/provider-fixture';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { bendUnits, openRelayedCalls, SUITE_BENDS, UNIT_BENDS } from '@ogong/testing/provider/relayed-calls';
import { defineAttack } from '../define-attack.ts';

const refusalOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: Error) => error.message,
  );

/** Carries sealed replies: reads what it can, changes them in each way that needs no key, downgrades the suite, and sends the request once more. */
export const replayedUnits = defineAttack({
  name: 'replayed-units',
  adversary: "relay with the provider's TLS key that drops, swaps or repeats parts of a sealed reply",
  aim: 'read the answer, have another one shown, or have the provider answer twice',
  stoppedBy: 'Each unit opens only in its own place, and a sealed request only for one reply id',
  restarts: ['provider'],
  async play({ network, marker }: { readonly network: Network; readonly marker: string }, breaks) {
    breaks.add('provider', network.restart);
    const body = { messages: [{ role: 'user', content: marker }], stream: true };
    const quiet = await openRelayedCalls(network);
    const { text } = await quiet.call({ body, nonce: 1 });
    const carriedBytes = quiet.seen.reduce((sum, { length }) => sum + length, 0);
    const read = quiet.isSeen(marker) || quiet.isSeen(text.slice(-12));
    await quiet.close();
    const changed: Record<string, string | undefined> = {};
    let nonce = 2;
    for (const [what, bend] of Object.entries(UNIT_BENDS)) {
      const calls = await openRelayedCalls(network, { relay: { bendEvents: bendUnits(bend) } });
      changed[what] = await refusalOf(calls.call({ body, nonce: nonce++ }));
      await calls.close();
    }
    // A reply with a secret for each unit is to be had as one that one secret opens.
    const demanding = { ...body, ogong: { seal_suite: UNIT_SEAL_SUITE } };
    for (const [what, relay] of Object.entries(SUITE_BENDS)) {
      const calls = await openRelayedCalls(network, { relay });
      const call = calls.call({ body: demanding, nonce: nonce++ }, { sealSuite: UNIT_SEAL_SUITE });
      changed[what] = await refusalOf(call);
      await calls.close();
    }
    await breaks.take();
    const recorded = quiet.orders[0] as GenerateRequest;
    const again = await refusalOf(drain(network, recorded));
    const { order, ticket } = network.order({ body, nonce });
    const moved = { sealed: recorded.sealed, ...(order && { order }), ...(ticket && { ticket }) };
    const elsewhere = await refusalOf(drain(network, create(GenerateRequestSchema, moved)));
    return { carriedBytes, read, changed, again, elsewhere };
  },
  async stage({ play, keep }) {
    const network = keep(await createNetwork());
    const outcome = await play({ network, marker: 'words that stand in no ciphertext' });
    const { carriedBytes, read, changed, again, elsewhere } = outcome;
    const refusals = [...Object.values(changed), again, elsewhere];
    return {
      tried: `carried ${carriedBytes} bytes of a sealed reply, then ${Object.keys(changed).join(', ')}, and sent the request again`,
      answered: [
        read ? 'prompt or answer stood in what passed' : 'neither prompt nor answer stood in what passed',
        ...refusals.map((refusal) => refusal ?? 'it was taken'),
      ],
      worked:
        read ||
        carriedBytes <= 5_000 ||
        Object.keys(changed).length !== 6 ||
        ![...Object.values(changed), elsewhere].every((refusal) => refusal?.includes('does not open')) ||
        again?.includes('served once') !== true,
    };
  },
});

/** @throws LinkError where the provider refuses. */
async function drain({ client }: Network, message: GenerateRequest): Promise<void> {
  for await (const { event } of client.service(ProviderService).generate(message)) {
    if (event.case === undefined) throw new LinkError('remote', 'an event of no kind');
  }
}
