import { toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { EvidenceAttack } from './attack.ts';

const encode = (part: object): string =>
  toBase64(utf8Encode(JSON.stringify(part)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** The statement of the vendor's service about a good GPU, unsigned, as a local check writes it. */
export const unsignedToken: EvidenceAttack = {
  name: 'unsigned-token',
  adversary: 'operator with an unsigned token of the NVIDIA service',
  aim: 'an unchecked GPU passes',
  caughtBy: 'gpu-token',
  bend({ evidence, policy, nowMs }) {
    const { gpu } = evidence;
    if (gpu === undefined || policy.gpuNonce === undefined) return undefined;
    const claims = {
      iss: 'https://nras.attestation.nvidia.com',
      nbf: 0,
      exp: 2 ** 40,
      eat_nonce: toHex(policy.gpuNonce),
    };
    const good = { ...claims, measres: 'success', secboot: true, dbgstat: 'disabled' };
    const token = (body: object): string => `${encode({ alg: 'none', kid: 'key' })}.${encode(body)}.`;
    const tokens = [
      ['JWT', token({ ...claims, 'x-nvidia-overall-att-result': true, submods: { 'GPU-0': [] } })],
      { 'GPU-0': token(good) },
    ];
    const nrasKeys = { key: '11'.repeat(96) };
    return { nowMs, policy: { ...policy, nrasKeys }, evidence: { ...evidence, gpu: { ...gpu, tokens } } };
  },
};
