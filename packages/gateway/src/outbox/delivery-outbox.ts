import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { fromHex } from '@ogong/protocol/base/bytes';
import { MAX_TOLD_REPLIES, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import {
  type AcknowledgeRequest,
  AcknowledgeRequestSchema,
  type AcknowledgeResponse,
  type SignedIntake,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type SendOutcome,
  type TriedItem,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

export type OutboxDelivery = MessageInitShape<typeof AcknowledgeRequestSchema>;

/** Tells each handling validator, and the hearers of the reply, which record this gateway holds (docs/spec/delivery.md). */
export interface DeliveryOutbox extends Omit<ValidatorOutbox, 'put'> {
  /** On the disk when it resolves; nobody waits for the validators. @param validators of 20 bytes, each once. */
  put(validators: readonly Uint8Array[], delivery: OutboxDelivery): Promise<void>;
}

export interface DeliveryOutboxDependencies extends ValidatorOutboxDependencies {
  readonly onSent?: (outcome: string) => void;
  /** Each keeps a validator's word: for the record, and for the delivery. @throws LinkError where it is none: then it is asked again. */
  readonly keepHeld?: (told: AcknowledgeRequest, validator: Uint8Array, signature: Uint8Array) => Promise<void>;
  readonly keepIntake?: (told: AcknowledgeRequest, intake: SignedIntake) => Promise<void>;
}

const PER_ROUND = 256;
/** A validator takes a quarter as many lists as single ones, so whoever is within the one rate is within the other. */
const LEAST_TOGETHER = 4;

export function createDeliveryOutbox({
  onSent = () => {},
  keepIntake = async () => {},
  keepHeld = async () => {},
  ...dependencies
}: DeliveryOutboxDependencies): DeliveryOutbox {
  const { onError = () => {} } = dependencies;
  /** @returns whether it is told again. @throws LinkError where a validator's word is none. */
  async function keep(
    request: AcknowledgeRequest,
    { validator, attempts }: Pick<TriedItem, 'validator' | 'attempts'>,
    { outcome, intake, held }: AcknowledgeResponse,
  ): Promise<SendOutcome> {
    await Promise.all([
      intake && keepIntake(request, intake),
      held.length > 0 && keepHeld(request, fromHex(validator), held),
    ]);
    if (attempts === 0 || outcome !== 'awaited') onSent(outcome);
    // The provider has not handed the record in yet, so the validator cannot have signed for it.
    return outcome === 'awaited' ? 'again' : 'done';
  }

  async function keepOf(
    request: AcknowledgeRequest,
    item: TriedItem,
    answer: AcknowledgeResponse | undefined,
  ): Promise<SendOutcome> {
    if (answer === undefined) return 'again';
    return keep(request, item, answer).catch((error: unknown) => {
      if (!(error instanceof LinkError)) throw error;
      return 'again';
    });
  }

  const outbox = createValidatorOutbox(
    {
      // Two records convict a provider long after the verdict too, while it still has to answer for the reply.
      ...{ kind: 'delivery', lifetimeMs: OPENING_KEPT_MS, perRound: PER_ROUND },
      async send(service, { message, validator }, attempts) {
        const request = fromBinary(AcknowledgeRequestSchema, message);
        return keep(
          request,
          { validator, attempts },
          await service.acknowledge(request, { timeoutMs: SEND_TIMEOUT_MS }),
        );
      },
      sendTogether: {
        ...{ least: LEAST_TOGETHER, most: MAX_TOLD_REPLIES },
        async send(service, items) {
          const told = items.map(({ message }) => fromBinary(AcknowledgeRequestSchema, message));
          const { answers } = await service.acknowledgeAll({ told }, { timeoutMs: SEND_TIMEOUT_MS });
          return Promise.all(
            items.map((item, index) => keepOf(told[index] as AcknowledgeRequest, item, answers[index])),
          );
        },
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validators, delivery) {
      const message = toBinary(AcknowledgeRequestSchema, create(AcknowledgeRequestSchema, delivery));
      await outbox.put(validators, { message });
      // The beacon that decides about the reply may come soon.
      outbox.flush().catch(onError);
    },
  };
}
