import type { SemanticVersion } from '../manifest.ts';
import type { HubName } from './registry-entry.ts';

/** A name with or without a version, such as `acme/small@1.2.0`. */
export interface VersionedName extends HubName {
  readonly version: SemanticVersion | undefined;
}

const PART = '[a-z0-9][a-z0-9._-]{0,63}';
const NUMBER = '(0|[1-9]\\d{0,9})';
const NAME = new RegExp(`^(${PART})/(${PART})(?:@${NUMBER}\\.${NUMBER}\\.${NUMBER})?$`);
const MAX_NUMBER = 0xffffffff;

/** Parses `maker/model` or `maker/model@1.2.0`. @returns undefined for other text. */
export function parseHubName(text: string): VersionedName | undefined {
  const [, maker, model, ...numbers] = NAME.exec(text) ?? [];
  if (maker === undefined || model === undefined) return undefined;
  if (numbers[0] === undefined) return { maker, model, version: undefined };
  const [major = 0, minor = 0, patch = 0] = numbers.map(Number);
  if (Math.max(major, minor, patch) > MAX_NUMBER) return undefined;
  return { maker, model, version: { major, minor, patch } };
}
