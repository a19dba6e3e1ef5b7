import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  hashSignature,
  type ModelSignature,
  OPEN_SIZE,
  type TensorSpec,
} from '@ogong/protocol/modality/tensor/signature';
import { TENSOR_TYPES, type TensorType } from '@ogong/protocol/modality/tensor/tensor-form';
import { nativeHash } from '../../decode/native-hash.ts';
import { EngineError } from '../../interface/engine-error.ts';
import type { OnnxPort, OnnxSession } from '../runtime/sessions.ts';

const refuse = (message: string): never => {
  throw new EngineError('unsupported-model', message);
};

/** Reads the inputs and outputs of a loaded network, and their hash. @throws EngineError('unsupported-model') */
export function readSignature({ inputs, outputPorts }: Pick<OnnxSession, 'inputs' | 'outputPorts'>): {
  readonly signature: ModelSignature;
  readonly hash: Uint8Array;
} {
  const signature = {
    inputs: inputs.map((port) => readPort(port, 'input')),
    outputs: outputPorts.map((port) => readPort(port, 'output')),
  };
  try {
    return { signature, hash: hashSignature(nativeHash, signature) };
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new EngineError('unsupported-model', `the model has inputs or outputs of another form: ${cause.message}`, {
      cause,
    });
  }
}

function readPort({ name, type, shape }: OnnxPort, noun: string): TensorSpec {
  if (type === undefined || shape === undefined)
    return refuse(
      `the ${noun} ${name} is a sequence or a map, not a tensor; export the model without ZipMap (zipmap=False in skl2onnx)`,
    );
  if (!TENSOR_TYPES.includes(type as TensorType))
    return refuse(`the ${noun} ${name} has type ${type}; served are ${TENSOR_TYPES.join(', ')}`);
  const sizes = shape.map((size) => (typeof size === 'number' && size >= 0 ? size : OPEN_SIZE));
  return { name, dtype: type as TensorType, sizes };
}
