export interface ReadyLine {
  readonly event: 'ready';
  readonly name: string;
  readonly pid: number;
  readonly [detail: string]: unknown;
}

/** A launcher reads a daemon's standard output line by line until this returns a value. */
export function parseReadyLine(line: string): ReadyLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isReadyLine(value) ? value : undefined;
}

function isReadyLine(value: unknown): value is ReadyLine {
  return (
    typeof value === 'object' &&
    value !== null &&
    'event' in value &&
    value.event === 'ready' &&
    'name' in value &&
    typeof value.name === 'string' &&
    'pid' in value &&
    typeof value.pid === 'number'
  );
}
