import { parseGpuReport } from '@ogong/attestation/nvidia-spdm';
import { toHex } from '@ogong/protocol/base/bytes';
import type { EvidenceAttack } from './attack.ts';

const SWID = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd';
const SHA384 = 'http://www.w3.org/2001/04/xmlenc#sha384';

/** A driver of its own, beside manifests of its own that name exactly what this GPU measured. */
export const ownManifest: EvidenceAttack = {
  name: 'own-manifest',
  adversary: 'operator with its own driver manifest',
  aim: "a spying driver passes as the vendor's",
  caughtBy: 'gpu-rim',
  bend({ evidence, ...rest }) {
    if (evidence.gpu === undefined || evidence.gpu.kind === 'software') return undefined;
    const { driver, measurements } = parseGpuReport(evidence.gpu.report);
    const [half, ...indices] = [...measurements.keys()];
    const write = (version: string, listed: readonly (number | undefined)[]): string => {
      const resources = listed.map((index = 0) => {
        const value = toHex(measurements.get(index) ?? new Uint8Array());
        return `<Resource type="Measurement" index="${index - 1}" active="True" alternatives="1" h:Hash0="${value}"/>`;
      });
      return `<SoftwareIdentity xmlns="${SWID}" xmlns:h="${SHA384}"><Meta colloquialVersion="${version}"/>${resources.join('')}</SoftwareIdentity>`;
    };
    const rims = [write(driver, [half]), write('a VBIOS', indices)];
    return { ...rest, evidence: { ...evidence, gpu: { ...evidence.gpu, rims } } };
  },
};
