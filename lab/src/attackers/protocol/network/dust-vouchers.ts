import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { signRelayVoucher } from '@ogong/protocol/exchange/relay/relay-voucher';
import { createRelayPayments, listOpenVouchers, RELAY_SCHEMA } from '@ogong/router/relay/relay-payments';
import { defineAttack } from '../define-attack.ts';

const NOW_MS = 1_800_000_000_000;
const CREDIT = 64n * 1024n;
const NODE = new Uint8Array(32).fill(1);
const SENT = 60;
const token = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) };
const payee = new Uint8Array(20).fill(7);

/** Pays a relay by the atomic unit: each voucher is good, and costs more to check than it is worth. */
export const dustVouchers = defineAttack({
  name: 'dust-vouchers',
  adversary: 'node that pays in vouchers worth less than their check',
  aim: 'keep the relay busy with signatures, readings of the chain and writes, for next to nothing',
  stoppedBy: 'A voucher that adds less than an eighth of the credit is refused before its signature is checked',
  restarts: { none: 'a relay keeps nothing of a voucher that it refused' },
  async play() {
    const store = openStore(':memory:', { schema: RELAY_SCHEMA });
    const group = createGroupCommit(store, { maxDelayMs: 0 });
    let checked = 0;
    let asked = 0;
    const crypto: Crypto = {
      ...nodeCrypto,
      verifyAddress: (...given) => {
        checked++;
        return nodeCrypto.verifyAddress(...given);
      },
    };
    const payments = createRelayPayments(
      { payee, pricePerGibAtomic: 1n << 30n, creditBytes: CREDIT, token },
      {
        ...{ crypto, clock: { nowMs: () => NOW_MS }, store, group },
        balanceOf: async () => {
          asked++;
          return 10n ** 18n;
        },
        isNonceUsed: async () => false,
        blockNumber: async () => 1n,
      },
    );
    const payer = createNobleLedgerSigner(new Uint8Array(32).fill(3));
    const send = (valueAtomic: bigint, nonce: number): Promise<boolean> => {
      const validBeforeS = NOW_MS / 1_000 + 30 * 86_400;
      const terms = { token, payee, valueAtomic, validBeforeS, nonce: new Uint8Array(32).fill(nonce) };
      return payments.take(NODE, signRelayVoucher(nodeCrypto, payer, terms)).then(
        () => true,
        () => false,
      );
    };
    let taken = 0;
    // One unit more each time, and one unit each under a nonce of its own.
    for (let n = 1; n <= SENT; n++) if (await send(n % 2 === 0 ? BigInt(n) : 1n, n % 2 === 0 ? 1 : n)) taken++;
    const before = { checked, asked, kept: listOpenVouchers(store).length };
    const paid = await send(CREDIT / 4n, 200);
    await group.close();
    store.close();
    return { sent: SENT, taken, ...before, paid };
  },
  async stage({ play }) {
    const { sent, taken, checked, asked, kept, paid } = await play();
    return {
      tried: `paid a relay in ${sent} vouchers that each add an atomic unit or little more`,
      answered: [
        `${taken} were taken; ${checked} signatures were checked, the chain was asked ${asked} times`,
        paid ? 'a voucher over a quarter of the credit was taken then' : 'no voucher was taken any more',
      ],
      money: `${kept} vouchers wait to be redeemed`,
      worked: taken + checked + asked + kept > 0 || !paid || sent === 0,
    };
  },
});
