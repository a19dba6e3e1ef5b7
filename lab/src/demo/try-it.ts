/** Describes the uses of a network that stays up. */
export function describeTry(gatewayUrl: string, model: string): string {
  const body = JSON.stringify({
    model,
    stream: true,
    messages: [{ role: 'user', content: 'Once upon a time' }],
    max_tokens: 64,
  });
  return `\nThe network stays up until Ctrl-C. Its explorer is at ${gatewayUrl}/explorer/\nAny OpenAI client works with the base URL ${gatewayUrl}/v1, for example:\n
  curl -N ${gatewayUrl}/v1/chat/completions -H 'content-type: application/json' -d '${body}'\n`;
}
