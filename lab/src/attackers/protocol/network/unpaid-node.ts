import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { signRelayVoucher } from '@ogong/protocol/exchange/relay/relay-voucher';
import { createAddressCredit } from '@ogong/router/relay/address-credit';
import { createRelayPayments, RELAY_SCHEMA } from '@ogong/router/relay/relay-payments';
import { defineAttack } from '../define-attack.ts';

const NOW_MS = 1_800_000_000_000;
const CREDIT = 64_000;
const CERTIFICATES = 200;
const PIECE = 1_000;

/** Has its bytes carried under one certificate after the other, and signs on under a nonce that it has cancelled. */
export const unpaidNode = defineAttack({
  name: 'unpaid-node',
  adversary: 'node that has its bytes carried and does not pay',
  aim: 'a relay for nothing',
  stoppedBy: 'A relay carries one credit ahead of vouchers per node, and 8 credits per address, with 8 more per day',
  restarts: { none: 'a relay counts unpaid bytes in memory, and a node cannot restart it' },
  async play() {
    const store = openStore(':memory:', { schema: RELAY_SCHEMA });
    const group = createGroupCommit(store, { maxDelayMs: 0 });
    const token = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) };
    const payee = new Uint8Array(20).fill(7);
    const clock = { nowMs: () => NOW_MS };
    let isCancelled = false;
    const payments = createRelayPayments(
      // One atomic unit for a byte.
      { payee, pricePerGibAtomic: 1n << 30n, creditBytes: BigInt(CREDIT), token },
      {
        ...{ crypto: nodeCrypto, clock, store, group, balanceOf: async () => 10n ** 18n },
        isNonceUsed: async () => isCancelled,
        blockNumber: async () => 1n,
      },
    );
    const credit = createAddressCredit(payments, clock);
    /** @returns how much is carried before the relay cuts the node off, beyond so much. */
    const carry = (node: Uint8Array, address: string, fromBytes = 0): number => {
      let bytes = fromBytes;
      while (bytes < 100 * CREDIT && credit.isCovered(node, address, BigInt(bytes + PIECE))) bytes += PIECE;
      return bytes - fromBytes;
    };
    let freeBytes = 0;
    for (let i = 1; i <= CERTIFICATES; i++) freeBytes += carry(new Uint8Array(32).fill(i), 'its address');

    const node = new Uint8Array(32).fill(255);
    const payer = createNobleLedgerSigner(new Uint8Array(32).fill(3));
    const pay = (bytes: number): Promise<void> => {
      const terms = { token, payee, valueAtomic: BigInt(bytes), nonce: new Uint8Array(32).fill(4) };
      const validBeforeS = NOW_MS / 1_000 + 30 * 86_400;
      return payments
        .take(node, signRelayVoucher(nodeCrypto, payer, { ...terms, validBeforeS }))
        .catch(() => undefined);
    };
    await pay(CREDIT);
    const paidBytes = carry(node, 'another address');
    isCancelled = true;
    for (let times = 2; times < 20; times++) await pay(times * CREDIT);
    const cancelledBytes = carry(node, 'another address', paidBytes);
    await group.close();
    store.close();
    return { creditBytes: CREDIT, freeBytes, cancelledBytes };
  },
  async stage({ play }) {
    const { creditBytes, freeBytes, cancelledBytes } = await play();
    return {
      tried: 'had bytes carried under 200 certificates of one address, then paid under a nonce that it had cancelled',
      answered: [
        `the relay carried ${freeBytes / creditBytes} credits for nothing, as many as an address has`,
        `${cancelledBytes} bytes were carried under the cancelled nonce`,
      ],
      worked: freeBytes !== 8 * creditBytes || cancelledBytes > 0,
    };
  },
});
