import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkServer } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import type { OrderAdmission } from '@ogong/protocol/exchange/over-admission';
import { type PushRecordRequest, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import type { LiveNetwork, OwnedDaemon } from './live-network.ts';

export interface FalseValidator {
  /** All that it has signed for, as providers keep it. */
  readonly admissions: readonly OrderAdmission[];
  readonly consents: ReadonlyMap<string, OrderConsent>;
  /** By reply id, hex. */
  readonly records: ReadonlyMap<string, PushRecordRequest>;
  stop(): Promise<void>;
}

/** A registered validator that admits every order, signs for every record, and does nothing about any of them. */
export async function serveFalseValidator(
  { ledger, latestBeacon }: LiveNetwork,
  { endpoint, identity, signer: key, account }: OwnedDaemon,
): Promise<FalseValidator> {
  const signer = createKeySigner(crypto, key, account);
  const admissions: OrderAdmission[] = [];
  const consents = new Map<string, OrderConsent>();
  const records = new Map<string, PushRecordRequest>();
  const server = createLinkServer({
    ...{ bind: endpoint, identity, authorize: () => true },
    routes(router) {
      const { method } = ValidatorService;
      router.rpc(method.admit, async ({ order, consent }) => {
        const { order: bytes, signature } = order as { order: Uint8Array; signature: Uint8Array };
        const { orderHash, replyId } = nameOrder(crypto, ledger, parseOrder(bytes));
        const said = { epoch: (await latestBeacon()).epoch, timeMs: BigInt(Date.now()) };
        const statement = { kind: 'admission', domain: ledger, validator: account, orderHash, ...said } as const;
        const admission = { ...said, signature: await signer.sign(statement) };
        admissions.push({ order: bytes, signature, admission });
        consents.set(toHex(replyId), consent as OrderConsent);
        return admission;
      });
      router.rpc(method.pushRecord, async (push) => {
        const { orderHash, replyId } = nameOrder(crypto, ledger, parseOrder(push.order?.order as Uint8Array));
        records.set(toHex(replyId), push);
        const recordHash = hashRecord(crypto, push.record?.record as Uint8Array);
        const { epoch } = await latestBeacon();
        const said = { validator: account, orderHash, recordHash, epoch };
        return { replyId, epoch, signature: await signer.sign({ kind: 'intake', domain: ledger, ...said }) };
      });
    },
  });
  await server.start();
  return { admissions, consents, records, stop: () => server.stop(0) };
}
