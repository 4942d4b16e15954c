/**
 * The routes that change something: send again, delete.
 */
import type * as z from "zod";
import { ApiError } from "../http/api-error.ts";
import type { Store } from "../store/store.ts";
import { callRoute, jsonAnswer, type Route, UNKNOWN_CALL } from "./route.ts";
import { deleteAnswer, noQuery, resendAnswer, resendBody } from "./schemas.ts";

export type ChangedStore = Pick<Store, "resend" | "removeCall">;

/** @param onResent - Told when deliveries are due again. */
export function resendRoute(store: ChangedStore, onResent: () => void): Route {
  return callRoute(
    {
      method: "post",
      path: "/:callSid/resend",
      name: "resendCall",
      summary: "Sends events of a call to its endpoint again, with the ids that they had",
      scope: "admin",
      query: noQuery,
      body: resendBody,
      answers: { "application/json": { name: "Resent", schema: resendAnswer } },
      errors: [
        UNKNOWN_CALL,
        { status: 400, code: "REQUEST_MALFORMED" },
        { status: 413, code: "REQUEST_TOO_LARGE" },
        { status: 415, code: "REQUEST_UNSUPPORTED_TYPE" },
      ],
    },
    ({ body: { states, sequences } }, { callSid }) => {
      const resent = store.resend(callSid, { states, ...(sequences && { sequences }) });
      if (resent > 0) onResent();
      const answer: z.infer<typeof resendAnswer> = { callSid, resent };
      return jsonAnswer(answer);
    },
  );
}

export function deleteRoute(store: ChangedStore): Route {
  return callRoute(
    {
      method: "delete",
      path: "/:callSid",
      name: "deleteCall",
      summary: "Deletes a call that has ended: its events, deliveries and what search knows of it",
      scope: "admin",
      query: noQuery,
      answers: { "application/json": { name: "Deleted", schema: deleteAnswer } },
      errors: [UNKNOWN_CALL, { status: 409, code: "CALL_LIVE" }],
    },
    (_asked, { callSid }) => {
      if (store.removeCall(callSid) === "live")
        throw new ApiError(409, "CALL_LIVE", "The call has not ended; end it first");
      const answer: z.infer<typeof deleteAnswer> = { callSid, deleted: true };
      return jsonAnswer(answer);
    },
  );
}
