import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { ConfigError } from '@ogong/host/config/config-error';
import { explainFile } from '@ogong/host/log/errors';

/** Headers that the exchange itself sets. */
const OWN = ['content-length', 'transfer-encoding', 'host', 'connection', 'accept-encoding'];

/**
 * Headers as a JSON object of texts. No value stands in a message: it may be a secret.
 * @param flag names the file in messages. @throws ConfigError
 */
export function readHeadersFile(command: string, flag: string, path: string): Record<string, string> {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(command, [`--${flag} ${path}: ${explainFile(error)}`]);
  }
  const refuse = (why: string): ConfigError => new ConfigError(command, [`--${flag} ${path}: ${why}`]);
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    value = undefined;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject || !Object.values(value as object).every((one) => typeof one === 'string'))
    throw refuse('a JSON object of texts is expected');
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value as Record<string, string>)) {
    const lower = name.toLowerCase();
    if (OWN.includes(lower)) throw refuse(`${lower} is not yours to set`);
    try {
      validateHeaderName(lower);
      validateHeaderValue(lower, text);
    } catch {
      throw refuse('a name or a value is none that HTTP allows');
    }
    headers[lower] = text;
  }
  return headers;
}
