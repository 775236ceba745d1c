// The list of subjects with their metrics, sortable by each column.

const NAMES = {
  brain_ssim: "SSIM", brain_psnr: "PSNR", brain_mae: "MAE", brain_pearson_r: "r", volume_ssim: "SSIM (volume)",
};
const MOST_COLUMNS = 3;

export class List {
  constructor(table, subjects, onChoose) {
    this.table = table;
    this.subjects = subjects;
    this.onChoose = onChoose;
    const known = Object.keys(NAMES).filter((name) => subjects.some((each) => name in each.metrics));
    this.columns = ["name", ...known.slice(0, MOST_COLUMNS)];
    this.order = { column: "name", up: true };
    this.filter = "";
    this.draw();
  }

  // Numbers of the subjects, as they stand in the list.
  get sorted() {
    const { column, up } = this.order;
    const value = (number) => {
      const each = this.subjects[number];
      return column === "name" ? each.name : each.metrics[column];
    };
    const shown = this.subjects.map((_, number) => number);
    const found = shown.filter((number) => this.subjects[number].name.toLowerCase().includes(this.filter));
    return found.sort((a, b) => {
      const [first, second] = [value(a), value(b)];
      if (first === undefined || second === undefined) return (first === undefined) - (second === undefined);
      const compared = column === "name" ? first.localeCompare(second, "en", { numeric: true }) : first - second;
      return up ? compared : -compared;
    });
  }

  sort(column, up) {
    this.order = { column: this.columns.includes(column) ? column : "name", up };
    this.draw();
  }

  choose(number) {
    this.chosen = number;
    for (const row of this.table.tBodies[0].rows) {
      const isChosen = Number(row.dataset.number) === number;
      row.setAttribute("aria-selected", isChosen);
      if (isChosen) row.scrollIntoView({ block: "nearest" });
    }
  }

  beside(step) {
    const order = this.sorted;
    const at = order.indexOf(this.chosen) + step;
    return order[Math.min(Math.max(at, 0), order.length - 1)];
  }

  draw() {
    const head = document.createElement("tr");
    for (const column of this.columns) {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      const isOrder = column === this.order.column;
      button.type = "button";
      button.textContent = (column === "name" ? "Subject" : NAMES[column]) + (isOrder ? (this.order.up ? " \u25b2" : " \u25bc") : "");
      button.dataset.column = column;
      cell.setAttribute("aria-sort", isOrder ? (this.order.up ? "ascending" : "descending") : "none");
      button.addEventListener("click", () => {
        this.sort(column, isOrder ? !this.order.up : true);
        this.onSort?.();
      });
      cell.append(button);
      head.append(cell);
    }
    this.table.tHead.replaceChildren(head);
    const rows = this.sorted.map((number) => this.row(number));
    this.table.tBodies[0].replaceChildren(...rows);
    if (this.chosen !== undefined) this.choose(this.chosen);
  }

  row(number) {
    const row = document.createElement("tr");
    row.dataset.number = number;
    for (const column of this.columns) {
      const cell = document.createElement("td");
      const subject = this.subjects[number];
      const value = subject.metrics[column];
      cell.textContent = column === "name" ? subject.name : value === undefined ? "\u2013" : value.toFixed(column === "brain_psnr" ? 1 : 3);
      row.append(cell);
    }
    row.addEventListener("click", () => this.onChoose(number));
    return row;
  }
}
