/** `ogong model pull`, but not `ogong ask:`, which only says who speaks. */
const COMMAND = /\b(ogong(?:-(?:provider|verifierd|validatord|routerd|gatewayd|signerd))?) (?=(?:--)?[a-z]+\b(?!:))/g;

/** Names commands as they are typed where the program was started: in a clone, through npm. */
export function nameAsTyped(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const isThroughNpm = env.npm_lifecycle_event?.startsWith('ogong') === true;
  return isThroughNpm ? text.replace(COMMAND, 'npm run $1 -- ') : text;
}
