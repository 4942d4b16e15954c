/**
 * The pages in the states that people see them in, for pictures and for checks of what can be seen.
 */
import type { Page } from "playwright-core";

/** A line, and what is still being said, in the shape that the server sends. */
const TALK = [
  ["Good morning, thank you for calling. How can I help you today?", 400, 3900],
  ["Hi. I ordered a desk lamp on the third of November, and it still has not arrived.", 4700, 9600],
  ["I am sorry about that. Could you give me the order number, please?", 10_300, 13_800],
  ["Yes, one moment. It is four, seven, one, one, nine, two.", 14_900, 19_200],
  [
    "Thank you. It left our warehouse on Friday, so it should be with you tomorrow before noon.",
    20_000,
    25_300,
  ],
] as const;
const SAYING = ["Perfect. Could you send me the tracking number by", 26_100, 28_400] as const;
/** Words that were hardly understood. */
const UNSURE = ["desk", "noon."];

export function talk(): object[] {
  const finals = TALK.map(([text, start_ms, end_ms], index) => {
    const said = text.split(" ");
    const words = said.map((word, at) => {
      const start = start_ms + ((end_ms - start_ms) * at) / said.length;
      return { word, start_ms: start, end_ms: start + 200, confidence: UNSURE.includes(word) ? 0.38 : 0.95 };
    });
    const sequence = index + 1;
    return { type: "final", sequence, text, start_ms, end_ms, language: "en", confidence: 0.94, words };
  });
  const [text, start_ms, end_ms] = SAYING;
  return [...finals, { type: "partial", text, stable: text.length, start_ms, end_ms }];
}

/**
 * From now on the page's sockets come to a server that says these messages, whatever it hears: what is looked at is the
 * page. Its clock is set ahead, so that the talk has had its time.
 */
export async function scriptServer(page: Page, messages: object[]): Promise<void> {
  await page.routeWebSocket(/\/ws\/transcribe/, (socket) => {
    socket.send(JSON.stringify({ type: "session", resume_token: "token", resumed: false, samples: 0 }));
    let heard = 0;
    socket.onMessage((message) => {
      if (typeof message === "string") return;
      heard += message.length / 2;
      socket.send(JSON.stringify({ type: "ack", samples: heard }));
      for (const line of messages.splice(0)) socket.send(JSON.stringify(line));
    });
  });
}
