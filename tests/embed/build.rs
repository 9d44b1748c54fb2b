fn main() {
    limbeck::codegen::embed("migrations");
    limbeck::codegen::Embed::new("billing")
        .name("billing")
        .emit_or_exit();
}
