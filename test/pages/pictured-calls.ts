/**
 * Calls for pictures: ordinary ones, troubled ones, long ones, many, and in scripts of every kind.
 */
import type { Track } from "../../src/transcript/event.ts";
import type { Scene } from "./scene.ts";

const HOUR_MS = 3_600_000;
const HOOK = "https://crm.example.com/hook";
const NOBODY = { kind: "session", to: "/ws/transcribe", tracks: ["inbound"] } as const;

const TALK: readonly [Track, string][] = [
  ["outbound", "Good morning, thank you for calling. How can I help you today?"],
  ["inbound", "Hi. I ordered a desk lamp on the third of November, and it still has not arrived."],
  ["outbound", "I am sorry about that. Could you give me the order number, please?"],
  ["inbound", "Yes, one moment. It is four, seven, one, one, nine, two."],
  ["outbound", "Thank you. It left our warehouse on Friday, so it should be with you tomorrow before noon."],
  ["inbound", "Perfect. And if it does not come, can I get a refund?"],
  ["outbound", "Of course. Then we send the money back on the same day."],
];

/** What is being said when `fillCalls` lets it be heard. */
export const HEARD = "Thank you. It left our warehouse on Friday, so it";

const SCRIPTS: readonly [Track, string, string][] = [
  [
    "outbound",
    "Guten Tag, Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüsselverwaltung, was kann ich tun?",
    "de",
  ],
  ["inbound", "مرحبا، طلبت مصباحا للمكتب في الثالث من نوفمبر ولم يصل بعد، رقم الطلب 471192.", "ar"],
  ["outbound", "שלום, אפשר לקבל את מספר ההזמנה בבקשה?", "he"],
  ["inbound", "もしもし、先月注文したデスクランプがまだ届いていません。注文番号は四七一一九二です。", "ja"],
  ["outbound", "您好,请稍等,我帮您查一下订单的物流信息,应该明天中午之前就能送到您那里。", "zh"],
  ["inbound", `Und jetzt ein Wort ohne Ende: ${"na".repeat(70)}!`, "de"],
];

/** Calls of a few days, and three that go on; the answer lets more be heard of them. */
export function fillCalls(scene: Scene): () => void {
  longCall(scene);
  for (let number = 0; number < 8; number++) {
    const from = `+1555010${1000 + number * 137}`;
    const endpoint = number === 7 ? HOOK : null;
    const call = scene.begin(`CApast${number}`, { from, endpoint, agoMs: (9 - number) * 13 * HOUR_MS });
    for (const [track, text] of TALK.slice(0, 2 + number)) call.say(track, text);
    if (number % 3 === 1) call.gap("inbound", 3200);
    if (number % 2 === 1) call.press("4");
    call.end();
  }
  troubledCall(scene);
  const first = scene.begin("CAlive", { from: "+15550107788", agoMs: 41_000 });
  for (const [track, text] of TALK.slice(0, 4)) first.say(track, text, "en", ["desk"]);
  const second = scene.begin("ses_live", {
    ...NOBODY,
    tracks: ["inbound"],
    from: "key abcdefgh",
    agoMs: 9000,
  });
  second.say("inbound", "This is what a browser hears.");
  scene.begin("CAnew", { from: "+15550103311" });
  return () => {
    first.hear("outbound", HEARD);
    second.hear("inbound", "And this is still being");
  };
}

/** Everything that can go wrong in a call that is over: a gap, unsure words, deliveries late and given up. */
function troubledCall(scene: Scene): void {
  const parameters = { campaign: "autumn", customer: "C-20418" };
  const more = { from: "+15550104242", endpoint: HOOK, parameters, agoMs: 3 * HOUR_MS };
  const call = scene.begin("CAtrouble", more);
  for (const [track, text] of TALK.slice(0, 3)) call.say(track, text, "en", ["desk", "lamp", "number,"]);
  call.gap("inbound", 4200);
  call.press("4");
  call.press("7");
  for (const [track, text] of TALK.slice(3)) call.say(track, text, "en", ["noon."]);
  call.end();
  call.settle("delivered", "delivered", "delivered", "dead", "delivered", "delivered", "dead", "retry");
}

/** Forty minutes. */
function longCall(scene: Scene): void {
  const call = scene.begin("CAlong", { from: "+15550105151", agoMs: 150 * HOUR_MS });
  for (let turn = 0; turn < 480; turn++) {
    const [track, text] = TALK[turn % TALK.length] as [Track, string];
    call.say(track, text);
    if (turn % 90 === 60) call.gap("inbound", 15_000);
  }
  call.end();
}

/** Letters that go the other way, that need no spaces, and words that do not end. */
export function callInScripts(scene: Scene): void {
  const call = scene.begin("CAscripts", {
    from: "sip:konferenzraum-3@telefonanlage.beispiel-gesellschaft.example",
    agoMs: 62_000,
  });
  for (const [track, text, language] of SCRIPTS) call.say(track, text, language);
  call.hear("outbound", "ありがとうございます。少々お待ちくださ");
}

/** @param count - Calls that all go on. */
export function manyCalls(scene: Scene, count: number): void {
  for (let number = 0; number < count; number++) {
    const call = scene.begin(`CAmany${number}`, {
      from: `+1555013${1000 + number}`,
      agoMs: (count - number) * 4100,
    });
    const said = TALK.slice(0, 1 + (number % 5));
    for (const [track, text] of said) call.say(track, text);
    const [track, text] = TALK[said.length] as [Track, string];
    call.hear(track, text.slice(0, 10 + ((number * 7) % 40)));
  }
}
