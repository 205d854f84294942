import { h } from "../../dom.js";
import { api } from "../../api.js";
import { time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { confirmDialog } from "../../components/dialog.js";
import { idChip } from "../../components/id.js";
import { actionsColumn, dataTable } from "../../components/table.js";
import { toast } from "../../components/toast.js";
import { session } from "../../session.js";
import { adminHead } from "./tabs.js";

const path = (user) => `/api/admin/users/${encodeURIComponent(user.id)}`;

export function users({ signal }) {
  const table = dataTable({
    caption: "Users, newest first",
    signal,
    load: ({ after }) => api.get("/api/admin/users", { query: { after, limit: 25 }, signal }),
    columns: [
      {
        label: "User",
        lead: true,
        cell: (user) =>
          h(
            "span",
            null,
            h("span", { class: "row-title" }, user.email),
            user.name && h("span", { class: "muted" }, ` ${user.name}`),
          ),
      },
      { label: "Role", cell: (user) => badge(user.role) },
      { label: "Signed up", cell: (user) => time(user.createdAt) },
      { label: "Id", cell: (user) => idChip(user.id, { label: "user id" }) },
      {
        label: "Orders",
        cell: (user) => h("a", { href: `#/admin/orders?userId=${encodeURIComponent(user.id)}` }, "Show"),
      },
      actionsColumn((user) => actions(user)),
    ],
  });

  const actions = (user) => {
    const isAdmin = user.role === "admin";
    const role = isAdmin ? "user" : "admin";
    const name = user.email;
    return [
      button(isAdmin ? "Make user" : "Make admin", name, "btn small", () =>
        confirmDialog({
          title: isAdmin ? `Make ${name} a plain user?` : `Make ${name} an administrator?`,
          text: isAdmin
            ? "All sessions of this account end within seconds."
            : "This account will see and change everything here.",
          action: isAdmin ? "Make user" : "Make admin",
          danger: isAdmin,
          act: async () => {
            const changed = await api.patch(path(user), { role });
            table.update(changed);
            toast({ title: "Role changed", body: `${name} is now ${role}.`, tone: "good" });
            if (user.id === session.user.id) session.setUser({ ...session.user, role });
          },
        }),
      ),
      button("Delete", name, "btn small danger", () =>
        confirmDialog({
          title: `Delete ${name}?`,
          text: "Personal data is erased and all sessions end. Orders stay in the books.",
          action: "Delete the user",
          act: async () => {
            await api.delete(path(user));
            await table.reload();
            toast({ title: "User deleted", body: name });
          },
        }),
      ),
    ];
  };
  return [adminHead("/admin/users", "Users"), table.element];
}

const button = (text, name, css, onclick) =>
  h("button", { type: "button", class: css, "aria-label": `${text}: ${name}`, onclick }, text);
