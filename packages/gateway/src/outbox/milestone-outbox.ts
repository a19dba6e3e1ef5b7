import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { fromHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { PushMilestoneRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

/** Delivers the signed parts of providers that died (docs/spec/progress.md#milestones). */
export interface MilestoneOutbox extends Omit<ValidatorOutbox, 'put'> {
  /** Stores a milestone; it is on the disk when this resolves. @param validator 20 bytes. */
  put(validator: Uint8Array, milestone: MessageInitShape<typeof PushMilestoneRequestSchema>): Promise<void>;
}

const PER_ROUND = 16;

interface MilestoneOutboxDependencies extends ValidatorOutboxDependencies {
  /** Called if a validator no longer has the key that a part was sealed to. @param validator 20 bytes. */
  readonly onKeyGone?: (validator: Uint8Array) => void;
}

export function createMilestoneOutbox(dependencies: MilestoneOutboxDependencies): MilestoneOutbox {
  const { onError = () => {}, onKeyGone = () => {} } = dependencies;
  const outbox = createValidatorOutbox(
    {
      // After this time the order has expired, and its reply has its verdict.
      ...{ kind: 'milestone', lifetimeMs: 2 * MAX_ORDER_LIFETIME_MS, perRound: PER_ROUND },
      async send(service, { validator, message }) {
        const push = fromBinary(PushMilestoneRequestSchema, message);
        await service.pushMilestone(push, { timeoutMs: SEND_TIMEOUT_MS }).catch((error: unknown) => {
          if (error instanceof LinkError && error.refusal === 'unsupported') onKeyGone(fromHex(validator));
          throw error;
        });
        return 'done';
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validator, milestone) {
      await outbox.put([validator], {
        message: toBinary(PushMilestoneRequestSchema, create(PushMilestoneRequestSchema, milestone)),
      });
      outbox.flush().catch(onError);
    },
  };
}
