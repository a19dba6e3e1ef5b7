import { equalBytes, fromBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass } from '@ogong/protocol/base/checks';
import { digest } from './byte-reader.ts';
import { findChainProblem, parseCertificate, verifyEcdsa } from './certificates.ts';
import { EvidenceError } from './evidence-error.ts';
import type { GpuReport } from './nvidia-spdm.ts';
import { canonicalize, findElements, parsePlainXml, readAttribute, textOf, type XmlElement } from './plain-xml.ts';

const MAX_RIM_BYTES = 256 * 1_024;
const SWID = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd';
const SIGNATURES = 'http://www.w3.org/2000/09/xmldsig#';
const SHA384 = 'http://www.w3.org/2001/04/xmlenc#sha384';
const MORE_SHA384 = 'http://www.w3.org/2001/04/xmldsig-more#sha384';
const ECDSA_SHA384 = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384';
const C14N_11 = 'http://www.w3.org/2006/12/xml-c14n11';
const ENVELOPED = `${SIGNATURES}enveloped-signature`;

/** SHA-256 of NVIDIA's root for reference values. */
export const NVIDIA_RIM_ROOTS: readonly string[] = ['12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1'];

/** Golden measurements of one version of a driver, or of a VBIOS. */
export interface Rim {
  /** `colloquialVersion` of its meta. */
  readonly version: string;
  /** By index: the values that may be measured, in hex. */
  readonly golden: ReadonlyMap<number, readonly string[]>;
  readonly root: XmlElement;
}

/** @throws EvidenceError */
export function parseRim(text: string): Rim {
  if (text.length > MAX_RIM_BYTES) throw new EvidenceError('a manifest is not so large');
  const root = parsePlainXml(text);
  const [meta] = findElements(root, SWID, 'Meta');
  const version = meta && readAttribute(meta, 'colloquialVersion');
  if (version === undefined) throw new EvidenceError('the manifest does not say which version it is of');
  const golden = new Map<number, readonly string[]>();
  for (const resource of findElements(root, SWID, 'Resource')) {
    if (readAttribute(resource, 'type') !== 'Measurement' || readAttribute(resource, 'active') !== 'True') continue;
    const [index, count] = [Number(readAttribute(resource, 'index')), Number(readAttribute(resource, 'alternatives'))];
    if (!isSmall(index, 0) || !isSmall(count, 1) || golden.has(index))
      throw new EvidenceError('a measurement of the manifest has no index, or two');
    const values = Array.from({ length: count }, (_, i) => readAttribute(resource, `Hash${i}`, SHA384) ?? '');
    if (!values.every((value) => /^(?:[0-9a-f]{2})+$/i.test(value)))
      throw new EvidenceError('a measurement of the manifest is no hex');
    golden.set(
      index,
      values.map((value) => value.toLowerCase()),
    );
  }
  if (golden.size === 0) throw new EvidenceError('the manifest has no measurements');
  return { version, golden, root };
}

const isSmall = (value: number, least: number): boolean => Number.isInteger(value) && value >= least && value < 256;

/** Why a manifest is not signed under the vendor's root, or undefined: XML signature, enveloped, of the whole document. @throws EvidenceError */
export async function findRimProblem(
  { root }: Pick<Rim, 'root'>,
  { roots, nowMs }: { readonly roots: readonly string[]; readonly nowMs: number },
): Promise<string | undefined> {
  const found = findElements(root, SIGNATURES, 'Signature');
  const [signature] = found;
  if (found.length !== 1 || signature === undefined || !root.children.includes(signature.element))
    return 'the manifest does not have one signature at its end';
  const only = (name: string) => {
    const [one, ...others] = findElements(signature.element, SIGNATURES, name, signature.scope);
    if (one === undefined || others.length > 0) throw new EvidenceError(`the signature has not one ${name}`);
    return one;
  };
  const signed = only('SignedInfo');
  const methods = findElements(signature.element, SIGNATURES, 'Transform', signature.scope).map((each) =>
    readAttribute(each, 'Algorithm'),
  );
  const isKnown =
    readAttribute(only('CanonicalizationMethod'), 'Algorithm') === C14N_11 &&
    readAttribute(only('SignatureMethod'), 'Algorithm') === ECDSA_SHA384 &&
    readAttribute(only('DigestMethod'), 'Algorithm') === MORE_SHA384 &&
    readAttribute(only('Reference'), 'URI') === '' &&
    methods.join(' ') === `${ENVELOPED} ${C14N_11}`;
  if (!isKnown) return 'the manifest is signed in a way that is not known';
  const whole = canonicalize(root, { without: signature.element });
  const named = fromBase64(textOf(only('DigestValue').element).replaceAll(/\s/g, ''));
  if (!equalBytes(await digest('SHA-384', utf8Encode(whole)), named))
    return 'the manifest is not the one that was signed';
  const certificates = findElements(signature.element, SIGNATURES, 'X509Certificate', signature.scope);
  const chain = certificates
    .slice(0, 8)
    .map(({ element }) => parseCertificate(fromBase64(textOf(element).replaceAll(/\s/g, '')), 'the manifest'));
  const [leaf] = chain;
  if (leaf === undefined) return 'the manifest has no certificate of its signer';
  const value = fromBase64(textOf(only('SignatureValue').element).replaceAll(/\s/g, ''));
  const statement = utf8Encode(canonicalize(signed.element, { scope: signed.scope }));
  if (!(await verifyEcdsa(leaf, { curve: 'P-384', hash: 'SHA-384' }, statement, value)))
    return 'the signature of the manifest does not hold';
  return findChainProblem(chain, roots, nowMs);
}

/**
 * `gpu-rim`: the vendor signed the manifests of driver and VBIOS, and they are of this time. The driver's manifest is of the version that
 * the GPU reports. No index stands in both manifests, and a manifest names each measurement.
 */
export async function checkRims(
  report: Pick<GpuReport, 'driver' | 'measurements'>,
  texts: readonly string[],
  context: { readonly roots: readonly string[]; readonly nowMs: number },
): Promise<Check> {
  try {
    if (texts.length !== 2) return fail('gpu-rim', 'a manifest of the driver and one of the VBIOS are needed');
    const rims: Rim[] = [];
    for (const text of texts) {
      const rim = parseRim(text);
      const problem = await findRimProblem(rim, context);
      if (problem !== undefined) return fail('gpu-rim', problem);
      rims.push(rim);
    }
    if (!rims.some(({ version }) => version === report.driver))
      return fail(
        'gpu-rim',
        `no manifest is of driver ${report.driver}: ${rims.map(({ version }) => version).join(', ')}`,
      );
    const seen = new Set<number>();
    for (const [index, values] of rims.flatMap(({ golden }) => [...golden])) {
      if (seen.has(index)) return fail('gpu-rim', `measurement ${index} stands in both manifests`);
      seen.add(index);
      const measured = report.measurements.get(index + 1);
      if (measured === undefined || !values.includes(toHex(measured)))
        return fail('gpu-rim', `measurement ${index} is none that the vendor names`);
    }
    return pass('gpu-rim', `${seen.size} measurements are those of the vendor's manifests`);
  } catch (error) {
    if (error instanceof EvidenceError) return fail('gpu-rim', error.message);
    return fail('gpu-rim', 'a manifest cannot be read');
  }
}
