import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { signComplaint } from '@ogong/protocol/exchange/complaint';
import { hashOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ComplainRequestSchema, ProveComplaintRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ReplyTexts, SignedRecord } from '@ogong/protocol/verdict/claim';
import type { KeyHolder } from '../books/api-keys.ts';
import type { OrderBytes } from '../books/order-store.ts';
import type { ComplaintRations } from './complaint-rations.ts';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

export interface OutboxComplaint {
  readonly order: OrderBytes;
  readonly reason: string;
  readonly record?: SignedRecord;
  /** Sent when the validator asks for it. */
  readonly opening?: { readonly opening: Uint8Array; readonly texts?: ReplyTexts };
  /** The client on whose claim alone it rests, so it counts in this client's ration. Default: this gateway has seen the fault. */
  readonly claimant?: Pick<KeyHolder, 'id' | 'organisation'>;
}

export interface ComplaintOutbox extends Omit<ValidatorOutbox, 'put'> {
  /**
   * Stores a complaint; it is on the disk when this resolves. One beyond its claimant's ration is dropped.
   * @param validator 20 bytes.
   * @returns false if it was dropped.
   */
  put(validator: Uint8Array, complaint: OutboxComplaint): Promise<boolean>;
}

export interface ComplaintOutboxDependencies extends ValidatorOutboxDependencies {
  readonly chain: ValidatorOutboxDependencies['chain'] & Pick<ChainView, 'ledger'>;
  /** Signs the complaint. */
  readonly payer: LedgerSigner;
  readonly rations: ComplaintRations;
  readonly onSent?: (reason: string, outcome: string) => void;
}

const LIFETIME_MS = 7 * 24 * 3_600_000;
const PER_ROUND = 16;

export function createComplaintOutbox({
  onSent = () => {},
  payer,
  rations,
  ...dependencies
}: ComplaintOutboxDependencies): ComplaintOutbox {
  const { chain } = dependencies;
  const outbox = createValidatorOutbox(
    {
      ...{ kind: 'complaint', lifetimeMs: LIFETIME_MS, perRound: PER_ROUND },
      async send(service, { message: bytes, opening: proof }) {
        const message = fromBinary(ComplainRequestSchema, bytes);
        const first = await service.complain(message, { timeoutMs: SEND_TIMEOUT_MS });
        const { outcome } =
          first.wantsOpening && proof
            ? await service.proveComplaint(fromBinary(ProveComplaintRequestSchema, proof), {
                timeoutMs: SEND_TIMEOUT_MS,
              })
            : first;
        onSent(message.reason, outcome);
        return 'done';
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validator, { opening, claimant, ...complaint }) {
      const order = parseOrder(complaint.order.order);
      const owner = claimant && { keyId: claimant.id, organisation: claimant.organisation?.id ?? '' };
      if (owner && !(await rations.take(owner, order.maxFeeAtomic))) {
        onSent(complaint.reason, 'beyond the ration of its client');
        return false;
      }
      const openingHash = opening && crypto.sha256(opening.opening);
      const { ledger } = chain;
      const orderHash = hashOrder(crypto, ledger, order);
      const { reason } = complaint;
      const terms = { ledger, orderHash, reason, record: complaint.record?.record, openingHash };
      const signature = signComplaint(crypto, payer, terms);
      const filled = { ...complaint, signature, ...(openingHash && { openingHash }) };
      const message = toBinary(ComplainRequestSchema, create(ComplainRequestSchema, filled));
      const proof = opening && create(ProveComplaintRequestSchema, { order: complaint.order.order, opening });
      await outbox.put([validator], { message, opening: proof && toBinary(ProveComplaintRequestSchema, proof) });
      return true;
    },
  };
}
