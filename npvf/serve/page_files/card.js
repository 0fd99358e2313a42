// The card of a job: its buttons delete the job, and show or hide the report.
element.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-delete]");
  if (!button) return;
  button.disabled = true;
  const answer = await fetch("api/jobs/" + encodeURIComponent(button.dataset.delete), { method: "DELETE" });
  const card = button.closest(".npvf-card");
  card.className = "npvf-card";
  card.textContent = answer.ok || answer.status === 404 ? "Deleted." : "It could not be deleted: status " + answer.status + ".";
});
