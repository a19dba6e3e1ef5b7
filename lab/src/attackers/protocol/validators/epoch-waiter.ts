import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createReader, createWriter } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { network, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { SettlementError } from '@ogong/validator/settlement/settlement-error';
import { decideReply } from '@ogong/validator/store/verdict-store';
import { type Breaks, openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const PPM = 1_000_000n;
/** The epoch that decides about an order of epoch 0. */
const FAIR = 4n;
/** How many epochs it is ready to wait. */
const PATIENCE = 16n;

/** Whether a beacon passes a reply over, by docs/spec/audit-selection.md and whatever epoch it is of. */
function isPassedOver(beacon: Uint8Array, replyId: Uint8Array, alphaPpm: number): boolean {
  const bytes = createWriter().bytes(encodeDomain('ogong-audit-v1')).bytes(beacon, 32).bytes(replyId, 16).finish();
  return createReader(crypto.sha256(bytes)).u64() * PPM >= BigInt(alphaPpm) << 64n;
}

/** An epoch whose beacon passes the reply over: the order's own, or else the first that does. */
function findKindEpoch(own: TestValidator, replyId: Uint8Array, alphaPpm: number): bigint | undefined {
  const epochs = [FAIR, ...Array.from({ length: Number(PATIENCE) }, (_, i) => BigInt(i + 1))];
  return epochs.find((epoch) => {
    const beacon = own.archive.find(epoch);
    return beacon !== undefined && isPassedOver(beacon.value, replyId, alphaPpm);
  });
}

/** A handling validator logs its friend's replies as passed over, each by the first epoch whose beacon says so. */
export const epochWaiter = defineAttack({
  name: 'epoch-waiter',
  adversary: 'validator that waits for a favourable epoch',
  aim: 'have no reply of a friend audited: wait for the epoch whose beacon passes it over',
  stoppedBy: 'The order fixes the deciding epoch, and co-signers compute it',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies, alphaPpm }: { readonly replies: number; readonly alphaPpm: number }, breaks) {
    const outcome = { found: 0, settled: 0, fair: 0 };
    for (let number = 0; number < replies; number++) {
      const cosign = { alphaPpm: () => alphaPpm };
      const four = await createFour({ cosign }, (options) => openAttacked(breaks, options));
      const { own } = four;
      const { replyId } = (await own.deliver(number)).reply.record;
      await breaks.take();
      for (let waited = 0n; waited < PATIENCE; waited += 4n) await four.certifyAll();
      const kind = findKindEpoch(own, replyId, alphaPpm);
      if (isPassedOver((own.archive.find(FAIR) as { value: Uint8Array }).value, replyId, alphaPpm)) outcome.fair++;
      if (kind !== undefined) {
        outcome.found++;
        const context = { crypto, ...network, validator: own.signer.address };
        const decision = { verdict: 'unaudited', beaconEpoch: kind } as const;
        await own.group.write((db) => decideReply(db, context, { replyId, decision, nowMs: four.clock.nowMs() }));
        if (await isSettled(four, breaks)) outcome.settled++;
      }
      await Promise.all([own, ...four.peers].map((one) => one.close()));
    }
    return outcome;
  },
  async stage({ play }) {
    const { found, settled, fair } = await play({ replies: 6, alphaPpm: 900_000 });
    return {
      tried: `logged 6 replies of a friend as passed over, ${found} of them by an epoch that it chose`,
      answered: [`the epochs of their orders pass ${fair} of them over`],
      money: `${settled} of them are settled without an audit`,
      worked: settled > fair,
    };
  },
});

/** Whether the chain took the only reply. A step that takes a refused entry out of the log also says that it did something. */
async function isSettled({ own, chain }: Four, breaks: Breaks): Promise<boolean> {
  try {
    do await breaks.take();
    while (await own.settlement.step());
  } catch (error) {
    if (!(error instanceof SettlementError) || error.code !== 'no-quorum') throw error;
  }
  return chain.settled.length > 0;
}
