import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ComplainRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

type ComplaintInit = MessageInitShape<typeof ComplainRequestSchema>;

export interface OutboxComplaint {
  readonly order: NonNullable<ComplaintInit['order']>;
  readonly reason: string;
  readonly record?: NonNullable<ComplaintInit['record']>;
  /** Sent when the validator asks for it. */
  readonly opening?: { readonly opening: Uint8Array };
}

export interface ComplaintOutbox extends Omit<ValidatorOutbox, 'put'> {
  /** On the disk when it resolves. @param validator 20 bytes. */
  put(validator: Uint8Array, complaint: OutboxComplaint): Promise<void>;
}

export interface ComplaintOutboxDependencies extends ValidatorOutboxDependencies {
  readonly onSent?: (reason: string, outcome: string) => void;
}

const LIFETIME_MS = 7 * 24 * 3_600_000;
const PER_ROUND = 16;

export function createComplaintOutbox({
  onSent = () => {},
  ...dependencies
}: ComplaintOutboxDependencies): ComplaintOutbox {
  const outbox = createValidatorOutbox(
    {
      ...{ kind: 'complaint', lifetimeMs: LIFETIME_MS, perRound: PER_ROUND },
      async send(service, { message: bytes, opening }) {
        const message = fromBinary(ComplainRequestSchema, bytes);
        const order = message.order?.order ?? new Uint8Array();
        const first = await service.complain(message, { timeoutMs: SEND_TIMEOUT_MS });
        const { outcome } =
          first.wantsOpening && opening
            ? await service.proveComplaint({ order, opening: { opening } }, { timeoutMs: SEND_TIMEOUT_MS })
            : first;
        onSent(message.reason, outcome);
        return 'done';
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    put(validator, { opening, ...complaint }) {
      const hasOpening = opening !== undefined;
      const message = toBinary(ComplainRequestSchema, create(ComplainRequestSchema, { ...complaint, hasOpening }));
      return outbox.put(validator, { message, opening: opening?.opening });
    },
  };
}
