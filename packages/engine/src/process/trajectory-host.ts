import type { DecodeRequest, DenoiseRequest, EncodeRequest } from '../decode/trajectory/trajectory-calls.ts';
import type { EncodedLatent, StepOutput } from '../interface/trajectory.ts';
import type { HostMessage } from './child-messages.ts';
import { createSerialHost, type SerialHost } from './serial-host.ts';
import type { TrajectoryCall } from './trajectory-messages.ts';

/** The part of a model that the host uses. */
export interface DenoisingModel {
  /** @param isCancelled is called between passes; if it returns true, the model may throw. */
  denoise(request: DenoiseRequest, isCancelled: () => boolean): Promise<Omit<StepOutput, 'elapsedMs'>>;
  decode(request: DecodeRequest): Promise<Uint8Array>;
  encode(request: EncodeRequest): Promise<EncodedLatent>;
  tokenize(prompt: string): Uint32Array;
}

export interface TrajectoryHostOptions {
  readonly model: DenoisingModel;
  /** Calls that wait at most. */
  readonly maxQueue: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs one model of pictures for its parent, one call after another. */
export type TrajectoryHost = SerialHost<TrajectoryCall>;

export const createTrajectoryHost = ({ model, maxQueue, send }: TrajectoryHostOptions): TrajectoryHost =>
  createSerialHost<TrajectoryCall>({
    ...{ noun: 'step', maxQueue, send },
    async run(call, isCancelled) {
      if (call.kind === 'tokenize') return model.tokenize(call.prompt);
      if (call.kind === 'decode') return model.decode(call.request);
      if (call.kind === 'encode') return model.encode(call.request);
      const startedAt = performance.now();
      const output = await model.denoise(call.request, isCancelled);
      return { ...output, elapsedMs: performance.now() - startedAt };
    },
  });
