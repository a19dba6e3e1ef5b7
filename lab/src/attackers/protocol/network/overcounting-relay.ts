import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { createRelayPayer } from '@ogong/host/link/reach/relay-payer';
import { createWriter } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import {
  computeRelayFee,
  parseRelayVoucher,
  type SignedRelayVoucher,
} from '@ogong/protocol/exchange/relay/relay-voucher';
import type { RelayTerms } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { defineAttack } from '../define-attack.ts';

const STEP = 10_000n;
const STEPS = 60;
const PRICE = 1n << 30n;

/**
 * A relay that claims to have redeemed vouchers, so that its node signs for the same bytes again. It also counts ten
 * times the bytes that it carried.
 */
export const overcountingRelay = defineAttack({
  name: 'overcounting-relay',
  adversary: 'relay that counts bytes that it did not carry, or denies vouchers',
  aim: 'be paid twice for the same bytes, or for bytes that nobody sent',
  stoppedBy: 'A node pays for the bytes that it counted itself, minus all that it has signed',
  restarts: { none: 'the relay is the attacker; a node that starts again counts from nothing' },
  async play() {
    const token = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) };
    let nonces = 0;
    const payer = createRelayPayer(crypto, {
      ...{ signer: createNobleLedgerSigner(new Uint8Array(32).fill(3)), token, maxPricePerGibAtomic: PRICE },
      maxPerDayAtomic: 10n ** 30n,
      ...{ nowMs: () => 1_800_000_000_000, randomBytes: () => new Uint8Array(32).fill(++nonces) },
    });
    const terms = {
      ...{ payee: new Uint8Array(20).fill(7), pricePerGib: createWriter(16).u128(PRICE).finish() },
      ...{ chainId: token.chainId, token: token.verifyingContract, creditBytes: STEP },
    } as RelayTerms;
    payer.meet(terms, 0n);
    const best = new Map<string, bigint>();
    for (let step = 1; step <= STEPS; step++) {
      const take = async (signed: SignedRelayVoucher): Promise<void> => {
        const { nonce, valueAtomic } = parseRelayVoucher(signed.voucher);
        best.set(nonce.join(), valueAtomic);
        if (step % 2 === 0) throw new LinkError('remote', 'redeemed', { refusal: 'conflict' });
        if (step % 5 === 0) throw new LinkError('timeout', 'no answer');
      };
      await payer.pay(BigInt(step) * STEP, take).catch(() => undefined);
    }
    const claimableAtomic = [...best.values()].reduce((sum, value) => sum + value, 0n);
    return { claimableAtomic, countedAtomic: computeRelayFee(BigInt(STEPS) * STEP, PRICE) };
  },
  async stage({ play }) {
    const { claimableAtomic, countedAtomic } = await play();
    return {
      tried: 'told a node again and again that its vouchers are used up',
      answered: [`the node signed for ${claimableAtomic} atomic units over all of its vouchers`],
      money: `${claimableAtomic} of the ${countedAtomic} atomic units that its bytes cost`,
      worked: claimableAtomic > countedAtomic || claimableAtomic === 0n,
    };
  },
});
