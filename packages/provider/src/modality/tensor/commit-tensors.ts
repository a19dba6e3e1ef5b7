import type { TensorInfo } from '@ogong/engine/interface/tensor';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { TensorRequest } from '@ogong/protocol/modality/tensor/request';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { bindWhole, signWhole, type WholeServing } from '../commit-whole.ts';
import type { CommittedReply } from '../order-job.ts';
import { composeTensors } from './compose-tensors.ts';

export interface ServedTensors extends WholeServing {
  readonly request: TensorRequest;
  readonly info: TensorInfo;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Header, commitment tree and signed record of tensors. ML-DSA signatures are hedged: call it once per reply. */
export function commitTensors(crypto: Crypto, signer: HybridSigner, serving: ServedTensors): CommittedReply {
  const { request, info, inputs, outputs } = serving;
  const { endpoint, promptTokenBound: units } = request;
  const bound = bindWhole(crypto, serving);
  const { header, ...made } = composeTensors(crypto, { ...bound, endpoint, units, info, inputs, outputs });
  return signWhole(crypto, signer, { serving, ...made, tokenCount: header.leafCount });
}
